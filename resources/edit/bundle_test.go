package edit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources/edit"
)

const bundled = `
[[bundle]]
id = "box"
image = "box:1"
replicas = 3
[[order]]
first = "vip"
then = "box"
`

// TestBundles: pcs' sentence makes a bundle, and what is true of groups is true of
// bundles.
func TestBundles(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"bundle create web container podman image=web:1 replicas=3 replicas-per-host=1 run-command='sh -c x' options=--user=root network ip-range-start=192.0.2.10 host-netmask=24 add-host=false" +
			" port-map id=p port=80 internal-port=8080 port-map range=2200-2210 storage-map id=s source-dir=/a target-dir=/b options=ro storage-map source-dir-root=/var/log/web target-dir=/var/log meta priority=5 --disabled",
			`+[[bundle]] +id = "web" +image = "web:1" +replicas = 3 +replicas_per_host = 1 +run_command = "sh -c x" +options = "--user=root" +ip_range_start = "192.0.2.10" +host_netmask = 24 +add_host = false` +
				` +[bundle.meta] +priority = 5 +target_role = "stopped" +[[bundle.port]] +port = 80 +internal_port = 8080 +[[bundle.port]] +range = "2200-2210"` +
				` +[[bundle.storage]] +source = "/a" +target = "/b" +options = "ro" +[[bundle.storage]] +source_root = "/var/log/web" +target = "/var/log"`},
		{"bundle create web image=web:1 pull=missing network=host", `+[[bundle]] +id = "web" +image = "web:1" +pull = "missing" +network = "host"`},
		{"bundle create web container docker image=web:1 masters=2", `+[[bundle]] +id = "web" +image = "web:1" +launcher = "docker" +promoted_max = 2`},
		{"resource disable box", `+[bundle.meta] +target_role = "stopped"`},
		{"resource meta box priority=7", `+[bundle.meta] +priority = 7`},
		{"resource delete box --cascade", `-[[bundle]] -id = "box" -image = "box:1" -replicas = 3 -[[order]] -first = "vip" -then = "box"`},
		{"constraint colocation add vip with box", `+[[colocation]] +resource = "vip" +with = "box"`},
	} {
		def := decode(t, base+bundled)
		got, err := run(def, words(tc.line))
		if err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if diff := cmp.Diff(tc.want, strings.Join(changes(def, got), " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.line, diff)
		}
	}
	for _, tc := range []struct{ line, want string }{
		{"bundle create box image=x", `"box" is there already`},
		{"bundle create image=x", "a bundle needs an id and an image: write ID container podman image=IMAGE"},
		{"bundle create web imge=x", `no setting of the container is called "imge": did you mean "image"?`},
		{"bundle create web image=x port-map prt=80", `no setting of a port is called "prt": did you mean "port"?`},
		{"bundle create web image=x storage", `unexpected "storage": write container, network, port-map, storage-map or meta, and NAME=VALUE`},
		{"resource delete box", `"box" is used by order order-vip-box: remove them first, or add --cascade`},
		{"resource clone box", `"box" is a bundle: give it replicas`},
		{"resource unclone box", `"box" is a bundle, and no clone`},
		{"resource update box image=y", `"box" is a bundle: use belayctl resource meta, or edit what belayctl export writes and apply it`},
		{"group add nova box", `"box" is a bundle`},
		{"resource create box vip", `"box" is there already: use: belayctl resource update box`},
	} {
		if _, err := run(decode(t, base+bundled), words(tc.line)); err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.line, err, tc.want)
		}
	}
	if _, err := edit.CreateBundle(decode(t, base), []string{"web", "image=\xff"}); err == nil {
		t.Error("what is not UTF-8 was taken")
	}
}
