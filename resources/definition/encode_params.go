package definition

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// params writes parameters or attributes: on one line when short is set and
// they fit, else as a table with a table for each dotted level.
func (w *writer) params(parent, name string, params map[string]string, short bool) {
	if len(params) == 0 {
		return
	}
	if short {
		if line, ok := inline(params); ok {
			w.line(name, line)
			return
		}
	}
	root := tree(params)
	root.write(w, parent+"."+name)
}

// utilization writes amounts on one line.
func (w *writer) utilization(amounts resources.Utilization) {
	if len(amounts) == 0 {
		return
	}
	parts := make([]string, 0, len(amounts))
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		parts = append(parts, keyText(name)+" = "+strconv.Itoa(amounts[name]))
	}
	w.line("utilization", "{ "+strings.Join(parts, ", ")+" }")
}

// inline returns the parameters as an inline table when they are few and flat.
func inline(params map[string]string) (string, bool) {
	const most, width = 3, 90
	if len(params) > most {
		return "", false
	}
	parts := make([]string, 0, len(params))
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if strings.Contains(key, ".") || strings.Contains(params[key], "\n") {
			return "", false
		}
		parts = append(parts, keyText(key)+" = "+valueText(params[key]))
	}
	text := "{ " + strings.Join(parts, ", ") + " }"
	return text, len(text) <= width
}

// branch is one level of nested parameters.
type branch struct {
	values map[string]string
	tables map[string]*branch
}

// tree nests dotted names. A name below another name that has a value of its
// own cannot be nested; it stays whole, in quotes.
func tree(params map[string]string) *branch {
	root := &branch{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if belowValue(name, params) || strings.Count(name, ".") >= maxNesting {
			root.value(name, params[name])
			continue
		}
		parts := strings.Split(name, ".")
		at := root
		for _, part := range parts[:len(parts)-1] {
			at = at.table(part)
		}
		at.value(parts[len(parts)-1], params[name])
	}
	return root
}

func belowValue(name string, params map[string]string) bool {
	for i := range len(name) {
		if name[i] == '.' {
			if _, taken := params[name[:i]]; taken {
				return true
			}
		}
	}
	return false
}

func (b *branch) value(name, text string) {
	if b.values == nil {
		b.values = map[string]string{}
	}
	b.values[name] = text
}

func (b *branch) table(name string) *branch {
	if b.tables == nil {
		b.tables = map[string]*branch{}
	}
	if b.tables[name] == nil {
		b.tables[name] = &branch{}
	}
	return b.tables[name]
}

func (b *branch) write(w *writer, path string) {
	if len(b.values) > 0 {
		w.WriteString("[" + path + "]\n")
	}
	for _, key := range slices.Sorted(maps.Keys(b.values)) {
		w.line(keyText(key), valueText(b.values[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(b.tables)) {
		b.tables[key].write(w, path+"."+keyText(key))
	}
}
