package cib_test

import (
	"bufio"
	"fmt"
	"io"
)

// bigCluster writes a CIB of primitives in groups of five with a probe history
// of each on each node: what a large cluster has after all its nodes joined.
// It is written while it is read, so that its text takes no memory.
func bigCluster(nodes, resources int) io.Reader {
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<16)
		writeCluster(out, nodes, resources)
		w.CloseWithError(out.Flush())
	}()
	return r
}

func writeCluster(out *bufio.Writer, nodes, resources int) {
	fmt.Fprint(out, `<cib crm_feature_set="3.19.0" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
 <configuration>
  <crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="opt-1" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>
  <nodes>
`)
	for n := range nodes {
		fmt.Fprintf(out, "   <node id=\"%d\" uname=\"node-%03d\"/>\n", n+1, n+1)
	}
	fmt.Fprint(out, "  </nodes>\n  <resources>\n")
	for i := range resources {
		if i%5 == 0 {
			fmt.Fprintf(out, "   <group id=\"group-%d\">\n", i/5)
		}
		fmt.Fprintf(out, `    <primitive id="rsc-%[1]d" class="ocf" provider="heartbeat" type="Dummy">
     <instance_attributes id="rsc-%[1]d-params"><nvpair id="rsc-%[1]d-state" name="state" value="/run/rsc-%[1]d"/></instance_attributes>
     <operations><op id="rsc-%[1]d-monitor" name="monitor" interval="10s" timeout="20s"/></operations>
    </primitive>
`, i)
		if i%5 == 4 || i == resources-1 {
			fmt.Fprint(out, "   </group>\n")
		}
	}
	fmt.Fprint(out, "  </resources>\n  <constraints>\n")
	for i := 5; i < resources; i += 10 {
		fmt.Fprintf(out, "   <rsc_order id=\"order-%[1]d\" first=\"group-%[2]d\" then=\"group-%[1]d\"/>\n", i/5, i/5-1)
	}
	fmt.Fprint(out, "  </constraints>\n </configuration>\n <status>\n")
	for n := range nodes {
		writeStatus(out, n, nodes, resources)
	}
	fmt.Fprint(out, " </status>\n</cib>\n")
}

func writeStatus(out *bufio.Writer, n, nodes, resources int) {
	fmt.Fprintf(out, "  <node_state id=\"%d\" uname=\"node-%03d\" in_ccm=\"1700000000\" crmd=\"1700000000\" join=\"member\" expected=\"member\">\n   <lrm id=\"%d\">\n    <lrm_resources>\n", n+1, n+1, n+1)
	for i := range resources {
		code := 7
		if i/5%nodes == n {
			code = 0
		}
		fmt.Fprintf(out, `     <lrm_resource id="rsc-%[1]d" type="Dummy" class="ocf" provider="heartbeat">
      <lrm_rsc_op id="rsc-%[1]d_last_0" operation_key="rsc-%[1]d_monitor_0" operation="monitor" crm-debug-origin="do_update_resource" crm_feature_set="3.19.0" transition-key="%[2]d:%[3]d:7:6f2a1a2e-7d0c-4a0b-9c58-6c6f3a8b1c55" transition-magic="0:%[4]d;%[2]d:%[3]d:7:6f2a1a2e-7d0c-4a0b-9c58-6c6f3a8b1c55" exit-reason="" on_node="node-%03[5]d" call-id="%[2]d" rc-code="%[4]d" op-status="0" interval="0" last-rc-change="17000%05[2]d" exec-time="14" queue-time="0" op-digest="%032[1]x"/>
     </lrm_resource>
`, i, i*4+5, n+1, code, n+1)
	}
	fmt.Fprint(out, "    </lrm_resources>\n   </lrm>\n  </node_state>\n")
}
