package galera

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/agents"
)

// maxWalk bounds the files that are counted in the data directory.
const maxWalk = 200_000

// movement measures whether a member that starts receives anything. Sizes
// alone would not do: rsync writes into files that are there already.
type movement struct {
	written map[int]int64 // bytes written by process
	size    int64         // of the data directory, where processes cannot be read
	seqno   int64
	total   int64 // all bytes moved so far
	applied int64 // all transactions applied so far
	told    int64 // total when progress was last reported
}

func (c *call) newMovement() *movement {
	return &movement{written: map[int]int64{}, size: -1, seqno: -1}
}

// progress reports a transfer that moves: progress_bytes more than at the last
// report, or newer transactions.
func (c *call) progress(m *movement, state agents.UnitState, status Status) {
	if !m.addWrites(c, state.Processes) {
		m.addGrowth(c)
	}
	applied := status.UUID != "" && m.seqno >= 0 && status.Seqno > m.seqno
	if applied {
		m.applied += status.Seqno - m.seqno
	}
	if status.UUID != "" {
		m.seqno = status.Seqno
	}
	if (m.total-m.told < c.step && !applied) || c.req.Progress == nil {
		return
	}
	m.told = m.total
	text := fmt.Sprintf("mysqld starts, %d MiB written", m.total>>20)
	if status.UUID != "" {
		text = fmt.Sprintf("mysqld is %s at %d, %d MiB written", status.Comment, status.Seqno, m.total>>20)
	}
	c.req.Progress(agents.Progress{Text: text, Done: m.total + m.applied})
}

// addWrites adds what the unit's processes (mysqld, rsync, mariabackup) wrote
// since the last look. It returns false when no process could be read.
func (m *movement) addWrites(c *call, processes []int) bool {
	readable := false
	for _, pid := range processes {
		text, err := os.ReadFile(c.path("/proc", strconv.Itoa(pid), "io"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			value, found := strings.CutPrefix(line, "wchar: ")
			if !found {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				continue
			}
			readable = true
			m.total += max(n-m.written[pid], 0)
			m.written[pid] = n
		}
	}
	return readable
}

// addGrowth adds by how much the data directory changed since the last look.
func (m *movement) addGrowth(c *call) {
	size, files := int64(0), 0
	_ = filepath.WalkDir(c.path(c.datadir), func(_ string, entry fs.DirEntry, err error) error {
		if files++; files > maxWalk {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() {
			return nil // files come and go during a transfer
		}
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	if m.size >= 0 {
		m.total += max(size-m.size, m.size-size)
	}
	m.size = size
}
