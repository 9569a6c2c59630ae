package stage

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Gap is a time in which a client got no answer.
type Gap struct{ From, To time.Time }

// Length returns how long the gap lasted.
func (g Gap) Length() time.Duration { return g.To.Sub(g.From) }

// record holds when a client was answered.
type record struct {
	mu       sync.Mutex
	answered []time.Time
	errors   int
}

func (r *record) good(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = append(r.answered, at)
}

func (r *record) bad() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors++
}

// Longest returns the longest time without an answer since a moment, up to now.
func (r *record) Longest(since time.Time) Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, longest := since, Gap{since, since}
	for _, at := range append(r.answered[:len(r.answered):len(r.answered)], time.Now()) {
		if at.Before(since) {
			last = since
			continue
		}
		if at.Sub(last) > longest.Length() {
			longest = Gap{last, at}
		}
		last = at
	}
	return longest
}

// FirstAfter returns the first answer at or after a moment.
func (r *record) FirstAfter(moment time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.answered {
		if !at.Before(moment) {
			return at, true
		}
	}
	return time.Time{}, false
}

// Count returns how many answers and errors there were.
func (r *record) Count() (answers, errs int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answered), r.errors
}

// Pinger asks the address every 20 ms from outside.
type Pinger struct {
	record
	command *exec.Cmd
	done    chan struct{}
}

// Ping starts a Pinger.
func (s *Stage) Ping(ctx context.Context) (*Pinger, error) {
	p := &Pinger{command: s.rig.Outside(ctx, "ping", "-n", "-D", "-i", "0.02", "-W", "1", VIP), done: make(chan struct{})}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("ping the address: %w", err)
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if at, answered := pinged(lines.Text()); answered {
				p.good(at)
			}
		}
	}()
	return p, nil
}

// pinged reads a line of ping -D: "[1763700000.123456] 64 bytes from …".
func pinged(line string) (time.Time, bool) {
	stamp, rest, found := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	if !found || !strings.Contains(rest, "bytes from") {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(stamp, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(seconds * 1e6)), true
}

// Stop ends the pinger.
func (p *Pinger) Stop() {
	p.command.Process.Kill() //nolint:errcheck // it may have ended
	<-p.done
	p.command.Wait() //nolint:errcheck // it was killed
}

// Writer writes numbered rows through the address, one after another, and
// remembers which the database acknowledged.
type Writer struct {
	record
	stage  *Stage
	db     *sql.DB
	cancel context.CancelFunc
	done   chan struct{}

	acked []int64 // only the writer's goroutine, until done
}

const (
	writeInterval = 50 * time.Millisecond
	writeTimeout  = 2 * time.Second
)

// Write starts a Writer.
func (s *Stage) Write(ctx context.Context) (*Writer, error) {
	db, err := s.database()
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "DELETE FROM demo.writes"); err != nil {
		db.Close()
		return nil, fmt.Errorf("empty the demo's table: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{stage: s, db: db, cancel: cancel, done: make(chan struct{})}
	go w.run(ctx)
	return w, nil
}

func (s *Stage) database() (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = "demo", "demo", "tcp", VIP+":3306"
	config.Timeout, config.ReadTimeout, config.WriteTimeout = writeTimeout, writeTimeout, writeTimeout
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return s.rig.DialContext(ctx, network, address)
	}
	config.Logger = log0{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(2)
	return db, nil
}

// log0 drops the driver's remarks on broken connections: they are what is
// measured.
type log0 struct{}

// Print drops its arguments.
func (log0) Print(...any) {}

func (w *Writer) run(ctx context.Context) {
	defer close(w.done)
	for seq := int64(1); ctx.Err() == nil; seq++ {
		attempt, cancel := context.WithTimeout(ctx, writeTimeout)
		_, err := w.db.ExecContext(attempt, "INSERT INTO demo.writes (seq) VALUES (?)", seq)
		cancel()
		if err == nil {
			w.acked = append(w.acked, seq)
			w.good(time.Now())
		} else if ctx.Err() == nil {
			w.bad()
		}
		select {
		case <-time.After(writeInterval):
		case <-ctx.Done():
		}
	}
}

// Stop ends the writer and returns how many acknowledged rows the database has
// lost.
func (w *Writer) Stop(ctx context.Context) (acknowledged, lost int, err error) {
	w.cancel()
	<-w.done
	defer w.db.Close()
	rows, err := w.db.QueryContext(ctx, "SELECT seq FROM demo.writes")
	if err != nil {
		return len(w.acked), 0, fmt.Errorf("read back what was written: %w", err)
	}
	defer rows.Close()
	kept := map[int64]bool{}
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return len(w.acked), 0, err
		}
		kept[seq] = true
	}
	for _, seq := range w.acked {
		if !kept[seq] {
			lost++
		}
	}
	return len(w.acked), lost, rows.Err()
}

// Caller asks the inspector's API through the address.
type Caller struct {
	record
	cancel context.CancelFunc
	done   chan struct{}
}

// Call starts a Caller.
func (s *Stage) Call(ctx context.Context) *Caller {
	ctx, cancel := context.WithCancel(ctx)
	c := &Caller{cancel: cancel, done: make(chan struct{})}
	client := &http.Client{Timeout: writeTimeout, Transport: &http.Transport{DialContext: s.rig.DialContext, DisableKeepAlives: true}}
	go func() {
		defer close(c.done)
		for ctx.Err() == nil {
			if err := ask(ctx, client); err == nil {
				c.good(time.Now())
			} else if ctx.Err() == nil {
				c.bad()
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return c
}

// ask lists introspections, which needs the API and the database behind it.
func ask(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(VIP, "5050")+"/v1/introspection", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// Stop ends the caller.
func (c *Caller) Stop() {
	c.cancel()
	<-c.done
}
