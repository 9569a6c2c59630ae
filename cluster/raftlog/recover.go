package raftlog

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// RecoverConfig says which stopped node becomes the only voter.
type RecoverConfig struct {
	ID      string
	Addr    string // host:port under which new members will reach it
	DataDir string
	// Machine is used up: the caller gives a fresh one to New afterwards.
	Machine Machine
	Logger  *zap.Logger // default: none
}

// Recovered says what RecoverSingle kept.
type Recovered struct {
	LastIndex uint64 // newest entry of the kept log
	LastTerm  uint64
}

// RecoverSingle makes a node, whose belayd is stopped, the only voter of its
// cluster, with all the entries that its disk holds. It is for an operator after
// the loss of a majority for good: entries that only the lost members had are
// gone, and entries that were never acknowledged may become part of the log. If
// any other former member still runs, there will be two clusters.
//
// The error wraps ErrLocked while belayd runs, ErrCorrupt when the files cannot
// be trusted.
func RecoverSingle(cfg RecoverConfig) (Recovered, error) {
	out, err := recoverSingle(cfg)
	if err != nil {
		return Recovered{}, fmt.Errorf("recover %s as the only voter: %w", cfg.ID, err)
	}
	return out, nil
}

func recoverSingle(cfg RecoverConfig) (out Recovered, err error) {
	_, trans := raft.NewInmemTransport(raft.ServerAddress(cfg.Addr)) // only encodes addresses here
	c := Config{ID: cfg.ID, DataDir: cfg.DataDir, Transport: trans, Machine: cfg.Machine, Logger: cfg.Logger, OnFault: func(error) {}}
	c.setDefaults()
	if err := c.validate(); err != nil {
		return out, err
	}
	if cfg.Addr == "" {
		return out, errors.New("no address")
	}
	rc := c.raft()
	d, err := openDisk(c.DataDir, nil, rc)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()

	only := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(cfg.ID), Address: raft.ServerAddress(cfg.Addr),
	}}}
	machine := newFSM(cfg.Machine)
	snaps := snapshotStore{d.snaps, machine}
	if err := raft.RecoverCluster(rc, machine, d.store, d.store, snaps, trans, only); err != nil {
		return out, errors.Join(err, machine.restoreError())
	}
	metas, err := snaps.List()
	if err != nil || len(metas) == 0 {
		return out, errors.Join(errors.New("no snapshot after the recovery"), err)
	}
	return Recovered{LastIndex: metas[0].Index, LastTerm: metas[0].Term}, nil
}
