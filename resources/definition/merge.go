package definition

import (
	"reflect"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Merge returns current with everything that files hold put in its place or
// added. What only current has stays, but for what drop, asked by path
// (`resource[vip]`), takes out. Properties and defaults are each one thing: files
// that say anything of them say all of it. Neither argument is changed.
func Merge(current, files *resources.Definition, drop func(path string) bool) *resources.Definition {
	result, wanted := current.Clone(), files.Clone()
	if wanted.Name != "" {
		result.Name = wanted.Name
	}
	into, from := reflect.ValueOf(result).Elem(), reflect.ValueOf(wanted).Elem()
	for n := range into.NumField() {
		switch field := into.Field(n); field.Kind() {
		case reflect.Slice:
			field.Set(mergeLists(listKind(into.Type().Field(n).Name), field, from.Field(n), drop))
		case reflect.Struct:
			if !from.Field(n).IsZero() {
				field.Set(from.Field(n))
			}
		}
	}
	return result
}

// mergeLists replaces the things of the first list that the second holds too, and
// appends the others.
func mergeLists(kind string, current, files reflect.Value, drop func(string) bool) reflect.Value {
	at := map[string]int{}
	for n := range files.Len() {
		at[thingName(files.Index(n))] = n
	}
	merged := reflect.MakeSlice(current.Type(), 0, current.Len()+files.Len())
	used := make([]bool, files.Len())
	for n := range current.Len() {
		name := thingName(current.Index(n))
		switch i, held := at[name]; {
		case held && !used[i]:
			merged, used[i] = reflect.Append(merged, files.Index(i)), true
		case !held && !drop(kind+"["+name+"]"):
			merged = reflect.Append(merged, current.Index(n))
		}
	}
	for n := range files.Len() {
		if !used[n] {
			merged = reflect.Append(merged, files.Index(n))
		}
	}
	if merged.Len() == 0 {
		return reflect.Zero(current.Type())
	}
	return merged
}

// thingName is what tells a thing from others of its list.
func thingName(thing reflect.Value) string {
	for _, field := range []string{"ID", "Name"} {
		if f := thing.FieldByName(field); f.IsValid() {
			return f.String()
		}
	}
	panic("definition: a list of things without a name: " + thing.Type().String())
}

// listKind is what a list's things are called in paths.
func listKind(field string) string { return strings.ToLower(strings.TrimSuffix(field, "s")) }

// ThingPaths returns the path of each node, device, resource, group, constraint
// and whatever else a definition holds in lists, in its order.
func ThingPaths(def *resources.Definition) []string {
	var paths []string
	value := reflect.ValueOf(def).Elem()
	for n := range value.NumField() {
		if list := value.Field(n); list.Kind() == reflect.Slice {
			for i := range list.Len() {
				paths = append(paths, listKind(value.Type().Field(n).Name)+"["+thingName(list.Index(i))+"]")
			}
		}
	}
	return paths
}
