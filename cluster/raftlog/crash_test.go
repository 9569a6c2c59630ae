package raftlog

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

const crashDirEnv = "RAFTLOG_CRASH_DIR"

// crashChild appends, truncates and votes for ever, and says on stdout what the
// store has acknowledged. The parent kills it.
func crashChild(dir string) {
	s, err := OpenStore(filepath.Join(dir, StoreFile), true)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
	for {
		last, _ := s.LastIndex()
		first, _ := s.FirstIndex()
		if err := s.StoreLogs(entries(last+1, last+5)); err != nil {
			os.Exit(4)
		}
		fmt.Println("stored", last+5)
		if err := s.SetUint64([]byte("CurrentTerm"), last+5); err != nil {
			os.Exit(5)
		}
		fmt.Println("term", last+5)
		if last-first > 60 {
			fmt.Println("compacting", first+39) // announced before: it may or may not happen
			if err := s.DeleteRange(first, first+39); err != nil {
				os.Exit(6)
			}
		}
	}
}

// TestStoreSurvivesKill kills a writing process again and again: nothing that it
// acknowledged may be missing, and the file is never refused.
func TestStoreSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	var announced uint64 // the furthest compaction so far
	for round := range 5 {
		stored, term, compacted := crashRound(t, dir)
		announced = max(announced, compacted)
		s, err := OpenStore(filepath.Join(dir, StoreFile), false)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		first, _ := s.FirstIndex()
		last, _ := s.LastIndex()
		if last < stored || first > announced+1 {
			t.Errorf("round %d: %d to %d is there; %d was acknowledged, compaction announced to %d", round, first, last, stored, announced)
		}
		for i := first; i <= last; i++ {
			var l raft.Log
			if err := s.GetLog(i, &l); err != nil || string(l.Data) != fmt.Sprintf("entry %d", i) {
				t.Fatalf("round %d: index %d: %q, %v", round, i, l.Data, err)
			}
		}
		if term > 0 {
			if got, err := s.GetUint64([]byte("CurrentTerm")); err != nil || got < term {
				t.Errorf("round %d: term %d, %v; %d was acknowledged", round, got, err, term)
			}
		}
		s.Close()
	}
}

func crashRound(t *testing.T, dir string) (stored, term, compacted uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The life begins at the first line: starting takes its time on a busy machine.
	life := time.Duration(rand.IntN(200)) * time.Millisecond
	var timer *time.Timer
	guard := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer guard.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if timer == nil {
			timer = time.AfterFunc(life, func() { cmd.Process.Kill() })
			defer timer.Stop()
		}
		var what string
		var n uint64
		if _, err := fmt.Sscan(lines.Text(), &what, &n); err != nil {
			t.Fatalf("child says %q", lines.Text())
		}
		switch what {
		case "stored":
			stored = n
		case "term":
			term = n
		case "compacting":
			compacted = n
		}
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		t.Fatalf("child ended by itself: %v", err)
	}
	if stored == 0 {
		t.Fatal("child stored nothing")
	}
	return stored, term, compacted
}
