package main

import (
	"context"
	"errors"
	"time"

	"github.com/belay-ha/belay/cluster/enroll"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/security"
)

// enroller makes this host a member by writing its keys and settings.
type enroller struct{}

// joinTimeout bounds the answer of the member that is asked to admit this host.
const joinTimeout = time.Minute

func (enroller) Found(_ context.Context, e Enrollment) error {
	return member(enroll.Found(e.host(), e.Cluster, e.ConfigFile, time.Now()))
}

func (enroller) Join(ctx context.Context, e Enrollment, peer, token string) error {
	if _, err := security.ParseToken(token); err != nil {
		return usage("%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	_, err := enroll.Join(ctx, e.host(), peer, token, e.ConfigFile, e.Witness)
	return member(err)
}

// member turns "already a member" into bad input: nothing was changed.
func member(err error) error {
	if errors.Is(err, enroll.ErrMember) {
		return usage("%v", err)
	}
	return err
}

func (e Enrollment) host() node.Host {
	return node.Host{Node: e.Node, Address: e.Address, DataDir: e.DataDir}.WithDefaults()
}
