package main

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// size is how large a cluster is made.
type size struct {
	name      string
	nodes     int
	instances int
	openstack bool
}

var sizes = []size{
	{"openstack", 3, 139, true}, {"16x500", 16, 500, false}, {"32x1000", 32, 1000, false}, {"64x2000", 64, 2000, false}, {"100x5000", 100, 5000, false},
}

func sizeNames() []string {
	var names []string
	for _, s := range sizes {
		names = append(names, s.name)
	}
	return names
}

func sizeOf(name string) (size, bool) {
	for _, s := range sizes {
		if s.name == name {
			return s, true
		}
	}
	return size{}, false
}

// cluster is a CIB in the making: resources and constraints, and where what
// runs.
type cluster struct {
	size
	resources, constraints []string
	running                []running
}

// running is an instance that has a history on every node.
type running struct {
	id, class, provider, kind string
	on                        []bool // by node
	promoted                  int    // a node, or -1
	monitor                   bool
}

// writeCluster writes a CIB of a cluster that runs, and has just lost its second
// node: it must be fenced, and what it ran recovered.
func writeCluster(file string, s size) error {
	c := &cluster{size: s}
	c.fences()
	if s.openstack {
		c.openstack()
	} else {
		c.plain()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	c.write(out)
	return errors.Join(out.Flush(), f.Close())
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }

func (c *cluster) write(w io.Writer) {
	fmt.Fprintln(w, `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.8" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
<configuration><crm_config><cluster_property_set id="options">
<nvpair id="o1" name="stonith-enabled" value="true"/><nvpair id="o2" name="concurrent-fencing" value="true"/>
</cluster_property_set></crm_config><nodes>`)
	for i := range c.nodes {
		fmt.Fprintf(w, "<node id=\"%d\" uname=%q/>\n", i+1, nodeName(i))
	}
	fmt.Fprintln(w, "</nodes><resources>")
	for _, r := range c.resources {
		fmt.Fprintln(w, r)
	}
	fmt.Fprintln(w, "</resources><constraints>")
	for _, r := range c.constraints {
		fmt.Fprintln(w, r)
	}
	fmt.Fprintln(w, `</constraints><rsc_defaults><meta_attributes id="rd"><nvpair id="rd-s" name="resource-stickiness" value="1"/></meta_attributes></rsc_defaults></configuration><status>`)
	for i := range c.nodes {
		c.state(w, i)
	}
	fmt.Fprintln(w, "</status></cib>")
}

func (c *cluster) state(w io.Writer, i int) {
	membership := `in_ccm="true" crmd="online" join="member" expected="member"`
	if i == 1 {
		membership = `in_ccm="false" crmd="offline" join="down" expected="member"`
	}
	fmt.Fprintf(w, "<node_state id=\"%d\" uname=%q %s>\n", i+1, nodeName(i), membership)
	fmt.Fprintf(w, "<transient_attributes id=\"%d\"><instance_attributes id=\"ta%d\">\n", i+1, i)
	for _, r := range c.running {
		if r.promoted >= 0 {
			score := 10
			if r.promoted == i {
				score = 100
			}
			fmt.Fprintf(w, "<nvpair id=\"m-%s-%d\" name=\"master-%s\" value=\"%d\"/>\n", r.id, i, r.id, score)
		}
	}
	fmt.Fprintf(w, "</instance_attributes></transient_attributes>\n<lrm id=\"%d\"><lrm_resources>\n", i+1)
	for n := range c.running {
		c.history(w, i, &c.running[n])
	}
	fmt.Fprintln(w, "</lrm_resources></lrm></node_state>")
}

func (c *cluster) history(w io.Writer, i int, r *running) {
	provider := ""
	if r.provider != "" {
		provider = fmt.Sprintf(" provider=%q", r.provider)
	}
	fmt.Fprintf(w, "<lrm_resource id=%q type=%q class=%q%s>\n", r.id, r.kind, r.class, provider)
	entry := func(id, op string, interval, rc, expected, call int, digest string) {
		fmt.Fprintf(w, `<lrm_rsc_op id="%s_%s" operation_key="%s_%s_%d" operation="%s" crm-debug-origin="do_update_resource" crm_feature_set="3.16.1" transition-key="%d:1:%d:11111111-2222-3333-4444-555555555555" transition-magic="0:%d;%d:1:%d:11111111-2222-3333-4444-555555555555" exit-reason="" on_node="%s" call-id="%d" rc-code="%d" op-status="0" interval="%d" last-rc-change="1500000000" exec-time="11" queue-time="0" op-digest="%s"/>`+"\n",
			r.id, id, r.id, op, interval, op, call, expected, rc, call, expected, nodeName(i), call, rc, interval, digest)
	}
	switch {
	case !r.on[i]:
		entry("last_0", "monitor", 0, 7, 7, 1, digestOnce)
	case r.promoted == i:
		entry("last_0", "promote", 0, 0, 0, 2, digestOnce)
	default:
		entry("last_0", "start", 0, 0, 0, 2, digestOnce)
	}
	if r.on[i] && r.monitor {
		entry("monitor_10000", "monitor", 10000, 0, 0, 3, digestMonitor)
	}
	fmt.Fprintln(w, "</lrm_resource>")
}

var (
	digestOnce    = digestOf(" <parameters/>\n")
	digestMonitor = digestOf(" <parameters CRM_meta_timeout=\"20000\"/>\n")
)

func digestOf(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
