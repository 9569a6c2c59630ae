package definition

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// item is one table while it is read: its values, where they stand, and which
// keys were asked for. Problems and places are kept until the item's path is
// known, which for a resource takes its id.
type item struct {
	d      *decoder
	values map[string]any
	node   *node
	known  []string
	notes  *notes
	rel    string // path below the item that holds the notes
}

type notes struct {
	places   []note
	problems []problemNote
}

type note struct {
	rel     string
	at, key Position
}

type problemNote struct {
	note
	code       resources.ProblemCode
	text, hint string
}

func newItem(d *decoder, values map[string]any, n *node) *item {
	return &item{d: d, values: values, node: withKeys(n, values), notes: &notes{}}
}

func (i *item) under(key string, values map[string]any, n *node) *item {
	return &item{d: i.d, values: values, node: withKeys(n, values), notes: i.notes, rel: i.rel + "." + key}
}

// withKeys returns a node with exactly the keys of the values, whatever the
// scanner made of the text: places may be missing, values may not.
func withKeys(n *node, values map[string]any) *node {
	fixed := newNode(n.position())
	if n != nil {
		fixed.items = n.items
		for _, key := range n.keys {
			if _, ok := values[key]; ok {
				fixed.set(key, n.keyAt[key], n.fields[key])
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if fixed.child(key) == nil {
			fixed.set(key, fixed.at, newNode(fixed.at))
		}
	}
	return fixed
}

func (i *item) problem(rel string, at Position, code resources.ProblemCode, hint, format string, args ...any) {
	i.notes.problems = append(i.notes.problems, problemNote{note{rel: rel, at: at}, code, fmt.Sprintf(format, args...), hint})
}

// get returns the value under a key and notes its place.
func (i *item) get(key string) (any, bool) {
	i.known = append(i.known, key)
	value, ok := i.values[key]
	if ok {
		i.notes.places = append(i.notes.places, note{i.rel + "." + key, i.valueAt(key), i.node.keyAt[key]})
	}
	return value, ok
}

func (i *item) valueAt(key string) Position {
	if at := i.node.child(key).position(); at.Line > 0 {
		return at
	}
	return i.node.position()
}

func (i *item) wrong(key, want string, value any) {
	i.problem(i.rel+"."+key, i.valueAt(key), ProblemType, "", "must be %s, not %s", want, kindOf(value))
}

func (i *item) refuse(key string, err error) {
	i.problem(i.rel+"."+key, i.valueAt(key), resources.ProblemInvalid, "", "%v", err)
}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	default:
		return "a date"
	}
}

// done reports the keys that nobody asked for and names the item: everything
// noted so far stands below path.
func (i *item) done(path string) {
	i.unknown()
	d := i.d
	join := func(rel string) string { return strings.TrimPrefix(path+rel, ".") }
	if path != "" {
		d.places[path] = place{file: d.name, Position: i.node.position()}
	}
	for _, n := range i.notes.places {
		d.places[join(n.rel)] = place{d.name, n.at, n.key}
	}
	for _, p := range i.notes.problems {
		d.broken[path] = true
		d.add(p.at, p.code, join(p.rel), p.text, p.hint)
	}
	i.notes.places, i.notes.problems = nil, nil
}

func (i *item) unknown() {
	known := map[string]bool{}
	for _, key := range i.known {
		known[key] = true
	}
	for _, key := range i.node.keys {
		if known[key] {
			continue
		}
		hint := ""
		if best, ok := resources.Nearest(key, i.known); ok {
			hint = fmt.Sprintf("did you mean %q?", best)
		} else if len(i.known) > 0 {
			hint = "there are " + strings.Join(slices.Sorted(slices.Values(i.known)), ", ")
		}
		i.problem(i.rel, i.node.keyAt[key], ProblemUnknownKey, hint, "unknown key %q", key)
	}
}

func (i *item) text(key string) string {
	value, ok := i.get(key)
	if !ok {
		return ""
	}
	text, isText := value.(string)
	if !isText {
		i.wrong(key, "text in quotes", value)
	}
	return text
}

func (i *item) truth(key string) *bool {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	truth, isTruth := value.(bool)
	if !isTruth {
		i.wrong(key, "true or false", value)
		return nil
	}
	return &truth
}

func (i *item) number(key string) *int {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	n, isNumber := value.(int64)
	if !isNumber {
		i.wrong(key, "a whole number", value)
		return nil
	}
	if n > math.MaxInt32 || n < math.MinInt32 {
		i.refuse(key, fmt.Errorf("%d is out of range", n))
		return nil
	}
	number := int(n)
	return &number
}

func (i *item) duration(key string) *resources.Duration {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	default:
		i.wrong(key, `a time such as "30s"`, value)
		return nil
	}
	d, err := resources.ParseDuration(text)
	if err != nil {
		i.refuse(key, err)
		return nil
	}
	return &d
}

func (i *item) score(key string) *resources.Score {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		if !math.IsInf(v, 0) {
			i.wrong(key, `a whole number or "INFINITY"`, value)
			return nil
		}
		text = map[bool]string{true: "INFINITY", false: "-INFINITY"}[v > 0]
	default:
		i.wrong(key, `a whole number or "INFINITY"`, value)
		return nil
	}
	score, err := resources.ParseScore(text)
	if err != nil {
		i.refuse(key, err)
		return nil
	}
	return &score
}

func (i *item) role(key string) resources.Role {
	text := i.text(key)
	role, err := resources.ParseRole(text)
	if err != nil {
		i.refuse(key, err)
	}
	return role
}

// texts reads a list of texts and notes the place of each.
func (i *item) texts(key string) []string {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	list, isList := value.([]any)
	if !isList {
		i.wrong(key, "a list of texts", value)
		return nil
	}
	texts := make([]string, 0, len(list))
	for n, element := range list {
		rel := fmt.Sprintf("%s.%s#%d", i.rel, key, n+1)
		at := i.node.child(key).item(n).position()
		i.notes.places = append(i.notes.places, note{rel: rel, at: at})
		text, isText := element.(string)
		if !isText {
			i.problem(rel, at, ProblemType, "", "must be text in quotes, not %s", kindOf(element))
			continue
		}
		texts = append(texts, text)
	}
	return texts
}

// sub returns the table under a key as an item of its own, or nil.
func (i *item) sub(key string) *item {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	values, isTable := value.(map[string]any)
	if !isTable {
		i.wrong(key, "a table", value)
		return nil
	}
	return newItem(i.d, values, i.node.child(key))
}

// inner is like sub, for a table that belongs to this item.
func (i *item) inner(key string) *item {
	sub := i.sub(key)
	if sub == nil {
		return nil
	}
	return i.under(key, sub.values, sub.node)
}

func (i *item) table(key string, read func(*item)) {
	if sub := i.sub(key); sub != nil {
		read(sub)
	}
}

// tables reads an array of tables; each must be closed by its reader.
func (i *item) tables(key string, read func(*item)) {
	value, ok := i.get(key)
	if !ok {
		return
	}
	for n, values := range tableList(value) {
		if values == nil {
			i.wrong(key, "a list of tables: write [["+key+"]]", value)
			return
		}
		read(newItem(i.d, values, i.node.child(key).item(n)))
	}
}

// inners returns the tables of an array that belongs to this item.
func (i *item) inners(key string) []*item { return i.innersAfter(key, 0) }

// innersAfter is inners where an earlier file has given some already.
func (i *item) innersAfter(key string, given int) []*item {
	value, ok := i.get(key)
	if !ok {
		return nil
	}
	var all []*item
	for n, values := range tableList(value) {
		if values == nil {
			i.wrong(key, "a list of tables: write [[…."+key+"]]", value)
			return all
		}
		name := key
		if n+given > 0 {
			name = fmt.Sprintf("%s#%d", key, n+given+1)
		}
		at := i.node.child(key).item(n)
		sub := i.under(name, values, at)
		i.notes.places = append(i.notes.places, note{rel: sub.rel, at: at.position()})
		all = append(all, sub)
	}
	return all
}

// tableList returns the tables of an array, with nil for what is none.
func tableList(value any) []map[string]any {
	switch v := value.(type) {
	case []map[string]any:
		return v
	case []any:
		list := make([]map[string]any, len(v))
		for i, element := range v {
			list[i], _ = element.(map[string]any)
		}
		return list
	default:
		return []map[string]any{nil}
	}
}
