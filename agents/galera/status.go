package galera

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Login says where and as whom to ask a mysqld.
type Login struct {
	Socket, User, Password string
	// Timeout of one query, on the server too.
	Timeout time.Duration
}

// The values of wsrep_local_state (MariaDB, "Galera Cluster Status Variables").
const (
	stateJoining = 1
	stateDonor   = 2
	stateJoined  = 3
	stateSynced  = 4
)

const primary = "Primary"

// Status is what a running member says of itself.
type Status struct {
	// UUID and Seqno of the last committed transaction.
	UUID  string
	Seqno int64
	// State is wsrep_local_state, Comment its text ("Donor/Desynced").
	State   int
	Comment string
	// ClusterStatus is Primary, non-Primary or Disconnected; Size counts the
	// members of the component.
	ClusterStatus string
	Size          int
	// Ready says that the member accepts queries.
	Ready bool
	// CachedDownTo is the oldest seqno that it can give by incremental transfer.
	CachedDownTo int64
}

// Keys of Result.Attributes of a member whose mysqld runs, beside uuid and
// seqno.
const (
	attrState   = "state"          // Synced, Donor/Desynced, Joined, Joining, starting, …
	attrCluster = "cluster_status" // Primary or non-Primary
	attrSize    = "size"           // of the component
	attrCached  = "cached_downto"  // oldest seqno for incremental transfer
	// attrSetAside names the directories with what transfers that broke off have left,
	// for somebody to delete.
	attrSetAside = "set_aside"
)

// attributes writes the status for the cluster's state.
func (s Status) attributes() map[string]string {
	return map[string]string{
		attrUUID: s.UUID, attrSeqno: strconv.FormatInt(s.Seqno, 10), attrState: s.Comment, attrCluster: s.ClusterStatus,
		attrSize: strconv.Itoa(s.Size), attrCached: strconv.FormatInt(s.CachedDownTo, 10),
	}
}

// primary reports whether the member is part of the primary component.
func (s Status) primary() bool { return s.ClusterStatus == primary }

// serving reports whether clients can use the member: also one that gives its
// state to another, or catches up after that.
func (s Status) serving() bool {
	return s.primary() && s.Ready && (s.State == stateSynced || s.State == stateDonor || s.State == stateJoined)
}

// newStatus reads the wsrep status variables.
func newStatus(vars map[string]string) (Status, error) {
	s := Status{
		UUID: strings.ToLower(vars["wsrep_cluster_state_uuid"]), Comment: vars["wsrep_local_state_comment"],
		ClusterStatus: vars["wsrep_cluster_status"], Ready: strings.EqualFold(vars["wsrep_ready"], "ON"),
	}
	if s.ClusterStatus == "" {
		return s, errors.New("mysqld has no wsrep status: is wsrep_on=ON and wsrep_provider set in my.cnf?")
	}
	var problems []error
	number := func(name string, into *int64) {
		if vars[name] == "" {
			return
		}
		n, err := strconv.ParseInt(vars[name], 10, 64)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s is %.40q", name, vars[name]))
			return
		}
		*into = n
	}
	state, size := int64(0), int64(0)
	s.Seqno, s.CachedDownTo = -1, -1
	number("wsrep_local_state", &state)
	number("wsrep_cluster_size", &size)
	number("wsrep_last_committed", &s.Seqno)
	number("wsrep_local_cached_downto", &s.CachedDownTo)
	s.State, s.Size = int(state), int(size)
	return s, errors.Join(problems...)
}

// statusQuery reads the variables. A query that the client gave up would go on
// running on the server: max_statement_time ends it there.
const statusQuery = `SET STATEMENT max_statement_time=%.3f FOR SHOW GLOBAL STATUS WHERE Variable_name IN (` +
	`'wsrep_cluster_state_uuid','wsrep_local_state_comment','wsrep_cluster_status','wsrep_ready','wsrep_local_state',` +
	`'wsrep_cluster_size','wsrep_last_committed','wsrep_local_cached_downto')`

// Socket asks mysqld over its unix socket. The zero value is ready.
type Socket struct{}

// Status makes one connection, asks, and closes it, so that a stale pooled
// connection never answers for a dead server.
func (Socket) Status(ctx context.Context, at Login) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, at.Timeout)
	defer cancel()
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd = "unix", at.Socket, at.User, at.Password
	config.Timeout, config.ReadTimeout, config.WriteTimeout = at.Timeout, at.Timeout, at.Timeout
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return Status{}, fmt.Errorf("ask mysqld: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	db.SetMaxIdleConns(0)
	db.SetMaxOpenConns(1)
	vars, err := ask(ctx, db, fmt.Sprintf(statusQuery, at.Timeout.Seconds()))
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer in %v: %w", at.Timeout, context.DeadlineExceeded)
		}
		return Status{}, fmt.Errorf("ask mysqld at %s: %w", at.Socket, err)
	}
	return newStatus(vars)
}

func ask(ctx context.Context, db *sql.DB, query string) (vars map[string]string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	vars = map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		vars[strings.ToLower(name)] = value
	}
	return vars, rows.Err()
}

// adviseAccess adds what to do about a refused login.
func adviseAccess(err error) error {
	const accessDenied, accessDeniedNoPassword = 1045, 1698
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && (refused.Number == accessDenied || refused.Number == accessDeniedNoPassword) {
		return fmt.Errorf("%w: let the user log in over the socket, or set check_user and check_password", err)
	}
	return err
}
