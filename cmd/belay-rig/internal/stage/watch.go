package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
)

// Gap is a time in which a client got no answer.
type Gap struct{ From, To time.Time }

// Length returns how long the gap lasted.
func (g Gap) Length() time.Duration { return g.To.Sub(g.From) }

// record holds when a client was answered.
type record struct {
	mu       sync.Mutex
	answered []answer
	errors   int
}

type answer struct{ asked, at time.Time }

func (r *record) good(asked, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = append(r.answered, answer{asked, at})
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
	for _, a := range append(r.answered[:len(r.answered):len(r.answered)], answer{at: time.Now()}) {
		if a.at.Before(since) {
			last = since
			continue
		}
		if a.at.Sub(last) > longest.Length() {
			longest = Gap{last, a.at}
		}
		last = a.at
	}
	return longest
}

// FirstAfter returns when the first answer came that was asked for at or after a
// moment.
func (r *record) FirstAfter(moment time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.answered {
		if !a.asked.Before(moment) {
			return a.at, true
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

// Writer writes numbered rows through the address, one after another, and
// remembers which the database acknowledged.
type Writer struct {
	record
	stage  *Stage
	db     *sql.DB
	cancel context.CancelFunc
	done   chan struct{}
	ledger *chaos.Ledger
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
	w := &Writer{stage: s, db: db, cancel: cancel, done: make(chan struct{}), ledger: chaos.NewLedger()}
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
	for ctx.Err() == nil {
		asked, seq := time.Now(), w.ledger.Next()
		attempt, cancel := context.WithTimeout(ctx, writeTimeout)
		_, err := w.db.ExecContext(attempt, "INSERT INTO demo.writes (seq) VALUES (?)", seq)
		cancel()
		if err == nil {
			w.ledger.Acknowledged(seq)
			w.good(asked, time.Now())
		} else if ctx.Err() == nil {
			w.ledger.Failed()
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
	account, err := w.check(ctx)
	return account.Due, len(account.Lost), err
}

// check reads back, through the address, what was acknowledged so far.
func (w *Writer) check(ctx context.Context) (chaos.Account, error) {
	due := w.ledger.Due()
	account := chaos.Account{Due: len(due)}
	rows, err := w.db.QueryContext(ctx, "SELECT seq FROM demo.writes")
	if err != nil {
		return account, fmt.Errorf("read back what was written: %w", err)
	}
	defer rows.Close()
	var kept []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return account, err
		}
		kept = append(kept, seq)
	}
	if err := rows.Err(); err != nil {
		return account, err
	}
	return w.ledger.Check(due, kept), nil
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
			asked := time.Now()
			if err := ask(ctx, client); err == nil {
				c.good(asked, time.Now())
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
