package main

import (
	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) resourceBundleCommand() *cobra.Command {
	return a.parent("bundle", "Containers in several copies", "  belayctl resource bundle create cinder-volume container podman image=registry.example.org/cinder-volume:2025.1 network=host",
		a.editing("create ID [container podman] [NAME=VALUE...] [network NAME=VALUE...] [port-map NAME=VALUE...]... [storage-map NAME=VALUE...]... [meta NAME=VALUE...] [--disabled]",
			"Add a bundle: a container image in several copies",
			"  belayctl resource bundle create horizon container podman image=registry.example.org/horizon:2025.1 replicas=3 network ip-range-start=192.0.2.10 port-map port=80 --wait\n"+
				"  belayctl resource bundle create proxy image=registry.example.org/haproxy:2.6 replicas=3 network=host options=--user=root storage-map source-dir=/etc/haproxy target-dir=/etc/haproxy options=ro",
			edit.CreateBundle, firstWord),
	)
}
