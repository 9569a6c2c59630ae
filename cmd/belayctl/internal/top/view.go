package top

import (
	"fmt"
	"strings"
)

// The least that anything is drawn on, in characters.
const (
	leastWidth  = 20
	leastHeight = 6
)

// View draws the screen: as many lines as it is high, none longer than it is wide.
// Without colour it is text alone.
func (m Model) View(colour bool) string {
	switch {
	case m.width == 0:
		return "" // the size is not known yet
	case m.width < leastWidth || m.height < leastHeight:
		return cut("too small", m.width)
	}
	lines := []string{m.head(colour), m.tabs(colour)}
	if m.overlay != "" {
		lines = append(lines, m.overlaid(colour)...)
	} else {
		lines = append(lines, m.visible(colour)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return strings.Join(append(lines[:m.height-1], m.foot(colour)), "\n")
}

func (m Model) head(colour bool) string {
	if !m.seen {
		if m.failed != "" {
			return paint(colour, bad, cut(printable(m.failed), m.width))
		}
		return cut("asking the cluster ...", m.width)
	}
	s := m.look.Status
	online := 0
	for _, n := range s.Nodes {
		if n.Online {
			online++
		}
	}
	head := fmt.Sprintf("cluster %s  leader %s  %d/%d online  %d resources  %s UTC", s.Cluster, orNone(string(s.Leader)), online, len(s.Nodes), len(s.Defined), m.look.At.UTC().Format("15:04:05"))
	if m.failed != "" {
		return paint(colour, bad, cut(fmt.Sprintf("no answer since %s UTC: %s", m.look.At.UTC().Format("15:04:05"), printable(m.failed)), m.width))
	}
	wrong := len(m.wrong())
	switch {
	case wrong > 0:
		return paint(colour, bad, cut("SOMETHING IS WRONG  "+head, m.width))
	case len(m.running()) > 0:
		return paint(colour, careful, cut("working  "+head, m.width))
	default:
		return paint(colour, good, cut("nothing is wrong  "+head, m.width))
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (m Model) tabs(colour bool) string {
	text, left, right := "", 0, 0
	for n, name := range Tabs {
		word := fmt.Sprintf(" %d %s  ", n+1, name)
		if n == m.tab {
			word = fmt.Sprintf("[%d %s] ", n+1, name)
			left, right = len(text), len(text)+len(word)-1
		}
		text += word
	}
	if m.typing || m.filter != "" {
		text += "  /" + m.filter
	}
	if m.typing {
		text += "_"
	}
	text = cut(text, m.width)
	if right > len(text) {
		return text // too narrow to show which it is
	}
	return text[:left] + paint(colour, heading, text[left:right]) + text[right:]
}

// visible are the rows between head and foot.
func (m Model) visible(colour bool) []string {
	rows := m.rows()
	if len(rows) == 0 && m.seen {
		if m.filter == "" {
			return []string{"nothing here"}
		}
		return []string{cut("nothing here has "+m.filter+" in it: esc shows all", m.width)}
	}
	nth, lines := 0, []string{}
	for n, r := range rows {
		chosen := r.chooses() && nth == m.cursor
		if r.chooses() {
			nth++
		}
		if n < m.offset || len(lines) >= m.body() {
			continue
		}
		mark := "  "
		if chosen {
			mark = "> "
		}
		text := cut(mark+printable(r.text), m.width)
		if chosen && colour {
			lines = append(lines, "\x1b[7m"+text+"\x1b[0m")
			continue
		}
		lines = append(lines, paint(colour, r.tone, text))
	}
	return lines
}

func (m Model) overlaid(colour bool) []string {
	lines := []string{paint(colour, heading, cut(m.title, m.width))}
	for n, line := range strings.Split(m.overlay, "\n") {
		if n >= m.overlayAt && len(lines) < m.body() {
			lines = append(lines, cut(printable(line), m.width))
		}
	}
	return lines
}

func (m Model) foot(colour bool) string {
	text := "tab screens  / filter  enter explain  ? keys  q end"
	switch {
	case m.overlay != "":
		text = "esc back  up/down scroll"
	case m.typing:
		text = "enter keep the filter  esc show all"
	}
	return paint(colour, quiet, cut(text, m.width))
}

// cut shortens a line to a width in characters.
func cut(text string, width int) string {
	letters := []rune(text)
	if len(letters) <= width {
		return text
	}
	return string(letters[:max(width-1, 0)]) + "…"
}

// printable takes out what would move the cursor or set colours: texts come from
// services and devices.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}

// sgr are the codes of the tones (ECMA-48, 8.3.117).
var sgr = map[tone]string{heading: "1", good: "32", careful: "33", bad: "31", quiet: "2"}

func paint(colour bool, t tone, text string) string {
	code := sgr[t]
	if !colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
