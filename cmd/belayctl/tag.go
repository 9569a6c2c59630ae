package main

import (
	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) tagCommand() *cobra.Command {
	return a.parent("tag", "Names for several resources, to use in constraints", "  belayctl tag create edge haproxy vip\n  belayctl tag list",
		a.editing("create ID RESOURCE...", "Give resources a name that constraints may use, or change what it means", "  belayctl tag create edge haproxy vip", edit.MakeTag, all),
		a.editing("delete ID...", "Delete tags", "  belayctl tag delete edge", edit.DeleteTags, all),
		a.showing("list", "List the tags", "  belayctl tag list\n  belayctl tag list -o json", func(def *resources.Definition) (any, *resources.Definition) {
			return orEmpty(def.Tags), &resources.Definition{Tags: def.Tags}
		}),
	)
}
