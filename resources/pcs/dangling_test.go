package pcs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
)

// TestDanglingNames holds the names that a well-known installation guide for
// OpenStack gets wrong: each is caught, with what was meant.
func TestDanglingNames(t *testing.T) {
	script := ""
	for _, id := range []string{"delay", "glance-fs", "glance-registry", "openstack-ceilometer-api", "openstack-ceilometer-notification", "openstack-nova-conductor", "ceilometer-compute",
		"nova-compute-fs", "nova-compute", "openstack-cinder-volume", "openstack-glance-api", "nova-evacuate", "other"} {
		script += fmt.Sprintf("pcs resource create %s systemd:%s --clone\n", id, id)
	}
	cases := []struct{ line, name, meant string }{
		{"pcs constraint order start openstack-ceilometer-api-clone then openstack-ceilometer-delay-clone", "openstack-ceilometer-delay-clone", "delay"},
		{"pcs constraint colocation add openstack-ceilometer-delay-clone with openstack-ceilometer-api-clone", "openstack-ceilometer-delay-clone", "delay"},
		{"pcs constraint order start openstack-ceilometer-delay-clone then other-clone", "openstack-ceilometer-delay-clone", "delay"},
		{"pcs constraint order start openstack-glance-fs-clone then glance-registry-clone", "openstack-glance-fs-clone", "glance-fs"},
		{"pcs constraint colocation add glance-registry-clone with openstack-glance-fs-clone", "openstack-glance-fs-clone", "glance-fs"},
		{"pcs constraint order start ceilometer-notification-clone then ceilometer-compute-clone require-all=false", "ceilometer-notification-clone", "openstack-ceilometer-notification"},
		{"pcs constraint order start nova-conductor-clone then nova-compute-clone require-all=false", "nova-conductor-clone", "openstack-nova-conductor"},
		{"pcs resource enable openstack-ceilometer-compute", "openstack-ceilometer-compute", "ceilometer-compute"},
		{"pcs constraint order start cinder-volume then nova-evacuate", "cinder-volume", "openstack-cinder-volume"},
		{"pcs constraint order start glance-api-clone then nova-evacuate require-all=false", "glance-api-clone", "openstack-glance-api"},
		{"pcs constraint order start nova-conductor-clone then nova-evacuate require-all=false", "nova-conductor-clone", "openstack-nova-conductor"},
	}
	first := strings.Count(script, "\n") + 1
	for _, c := range cases {
		script += c.line + "\n"
	}
	found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"guide.sh", []byte(script)})
	if len(found.Left) != len(cases) {
		t.Fatalf("%d problems for %d lines: %v", len(found.Left), len(cases), found.Left)
	}
	for n, c := range cases {
		want := fmt.Sprintf("guide.sh:%d:%d: no resource or group is called %q", first+n, strings.Index(c.line, c.name)+1, c.name)
		if got := found.Left[n].String(); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		} else if !strings.Contains(got, fmt.Sprintf("did you mean %q?", c.meant)) {
			t.Errorf("no suggestion of %q: %s", c.meant, got)
		}
	}
}
