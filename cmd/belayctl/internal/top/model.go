// Package top is the full screen of `belayctl top`: what is wrong first, then what
// runs. The model is a function of what it is told (keys, sizes, looks at the
// cluster) and draws itself as text; run.go alone knows of terminals.
package top

import (
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Look is one look at a cluster. With Err nothing else of it counts.
type Look struct {
	At     time.Time  `json:"at"`
	Status api.Status `json:"status"`
	// Events are new since the last look, oldest first; Index is what to ask for next.
	Events []state.Event `json:"events"`
	Index  uint64        `json:"index"`
	Err    string        `json:"error,omitempty"`
}

// Explained is the answer to a question about a resource, or why there is none.
type Explained struct{ Text string }

// Model is the screen. The zero value waits for its first look.
type Model struct {
	width, height int
	tab           int
	cursor        int // of the rows that can be chosen
	offset        int // of the first row that is shown
	filter        string
	typing        bool
	// overlay is shown instead of the rows; overlayAt is its first line.
	overlay   string
	title     string
	overlayAt int

	seen   bool
	look   Look // the last that was answered
	failed string
	events []state.Event
	quit   bool
}

// maxEvents bounds what the screen remembers.
const maxEvents = 500

// Tabs are the screens, in turn.
var Tabs = []string{"overview", "nodes", "resources", "history"}

// Ask is what the model wants to know after a key: empty for nothing.
type Ask struct {
	Explain resources.ResourceID
	// Look says that the cluster is to be looked at now.
	Look bool
}

// Done reports whether somebody has asked for the end.
func (m Model) Done() bool { return m.quit }

// After returns the index after which events are wanted.
func (m Model) After() uint64 { return m.look.Index }

// Resize takes a new size, in characters.
func (m Model) Resize(width, height int) Model {
	m.width, m.height = width, height
	return m.hold()
}

// Take takes a look. One that failed leaves the last answer on the screen.
func (m Model) Take(look Look) Model {
	if look.Err != "" {
		m.failed = look.Err
		return m
	}
	m.seen, m.failed = true, ""
	m.look = look
	m.events = append(slices.Clone(m.events), look.Events...)
	m.events = m.events[max(0, len(m.events)-maxEvents):]
	m.look.Events = nil
	return m.hold()
}

// Explain shows an answer, unless somebody has gone on in the meantime.
func (m Model) Explain(answer Explained) Model {
	if m.overlay == waiting {
		m.overlay, m.overlayAt = answer.Text, 0
	}
	return m
}

const waiting = "asking ..."

// Key takes a key by its name, as terminals' libraries call it.
func (m Model) Key(key string) (Model, Ask) {
	switch {
	case key == "ctrl+c":
		m.quit = true
		return m, Ask{}
	case m.typing:
		return m.typed(key), Ask{}
	case m.overlay != "":
		return m.overlayKey(key), Ask{}
	}
	switch key {
	case "q":
		m.quit = true
	case "tab", "right", "l":
		m.tab, m.cursor, m.offset = (m.tab+1)%len(Tabs), 0, 0
	case "shift+tab", "left", "h":
		m.tab, m.cursor, m.offset = (m.tab+len(Tabs)-1)%len(Tabs), 0, 0
	case "1", "2", "3", "4":
		m.tab, m.cursor, m.offset = int(key[0]-'1'), 0, 0
	case "/":
		m.typing = true
	case "esc":
		m.filter, m.cursor, m.offset = "", 0, 0
	case "down", "j":
		m.cursor++
	case "up", "k":
		m.cursor--
	case "pgdown", "ctrl+f", "space", " ":
		m.cursor += max(m.body()-1, 1)
	case "pgup", "ctrl+b":
		m.cursor -= max(m.body()-1, 1)
	case "home", "g":
		m.cursor = 0
	case "end", "G":
		m.cursor = 1 << 20
	case "r":
		return m, Ask{Look: true}
	case "?":
		m.title, m.overlay, m.overlayAt = "keys", help, 0
	case "enter":
		return m.enter()
	}
	return m.hold(), Ask{}
}

const help = `tab, shift+tab, 1-4   the screens: overview, nodes, resources, history
up, down, j, k        choose a row; page up and down, home, end
enter                 explain the resource that is chosen; of a node, tell what it runs
/                     show only what has a word in it; esc shows all again
r                     look at once
q                     the end`

// typed takes a key of a filter that is being written.
func (m Model) typed(key string) Model {
	switch key {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		if letters := []rune(m.filter); len(letters) > 0 {
			m.filter = string(letters[:len(letters)-1])
		}
	case "space":
		m.filter += " "
	default:
		if letters := []rune(key); len(letters) == 1 && len(m.filter) < 64 {
			m.filter += key
		}
	}
	m.cursor, m.offset = 0, 0
	return m.hold()
}

func (m Model) overlayKey(key string) Model {
	lines := strings.Count(m.overlay, "\n") + 1
	switch key {
	case "esc", "q", "enter", "left":
		m.overlay = ""
		return m
	case "down", "j":
		m.overlayAt++
	case "up", "k":
		m.overlayAt--
	case "pgdown", "space", " ":
		m.overlayAt += max(m.body()-2, 1)
	case "pgup":
		m.overlayAt -= max(m.body()-2, 1)
	}
	m.overlayAt = max(min(m.overlayAt, lines-m.body()+1), 0)
	return m
}

// enter opens what is chosen.
func (m Model) enter() (Model, Ask) {
	row, found := m.chosen()
	switch {
	case !found:
		return m, Ask{}
	case row.resource != "":
		m.title, m.overlay, m.overlayAt = "explain "+string(row.resource), waiting, 0
		return m, Ask{Explain: row.resource}
	case row.node != "":
		m.title, m.overlay, m.overlayAt = "node "+string(row.node), m.nodeText(row.node), 0
	}
	return m, Ask{}
}

// chosen returns the row under the cursor.
func (m Model) chosen() (row, bool) {
	nth := 0
	for _, r := range m.rows() {
		if !r.chooses() {
			continue
		}
		if nth == m.cursor {
			return r, true
		}
		nth++
	}
	return row{}, false
}

// hold keeps the cursor on a row, and that row on the screen.
func (m Model) hold() Model {
	rows, count, at := m.rows(), 0, 0
	for _, r := range rows {
		if r.chooses() {
			count++
		}
	}
	m.cursor = max(min(m.cursor, count-1), 0)
	nth := 0
	for n, r := range rows {
		if !r.chooses() {
			continue
		}
		if nth == m.cursor {
			at = n
			break
		}
		nth++
	}
	if at < m.offset || m.cursor == 0 {
		m.offset = at
	}
	if m.cursor == 0 {
		m.offset = 0 // with the heading above it
	}
	if body := m.body(); body > 0 && at >= m.offset+body {
		m.offset = at - body + 1
	}
	m.offset = max(min(m.offset, len(rows)-m.body()), 0)
	return m
}

// body is how many lines are between head and foot.
func (m Model) body() int { return max(m.height-3, 0) }
