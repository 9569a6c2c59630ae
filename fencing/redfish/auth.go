package redfish

import (
	"context"
	"net/http"

	"github.com/belay-ha/belay/fencing"
)

// inSomeMode calls the function signed in: in the way that is asked for or has
// worked before, else by basic authentication and, where that is refused, in a
// session.
func (d *device) inSomeMode(ctx context.Context, rec *record, fn func(*conn, *system) (string, error)) (string, error) {
	if d.mode != "" {
		return d.inMode(ctx, rec, d.mode, fn)
	}
	detail, err := d.inMode(ctx, rec, authBasic, fn)
	if err == nil {
		d.mode = authBasic
	}
	// Basic authentication may be switched off (401), or hide everything (404).
	if err == nil || rec.status != http.StatusUnauthorized && rec.status != http.StatusNotFound {
		return detail, err
	}
	basicErr, basicStatus := err, rec.status
	detail, err = d.inMode(ctx, rec, authSession, fn)
	kind, _ := describe(err, rec.status)
	switch {
	case err == nil, kind == fencing.KindBusy:
		// There are sessions, if none is free just now: no further wrong logins.
		d.mode = authSession
		return detail, err
	case rec.status == http.StatusUnauthorized, rec.status == 0, rec.status >= http.StatusInternalServerError:
		return detail, err
	default: // there is no session service
		rec.status = basicStatus
		return "", basicErr
	}
}

// inMode calls the function signed in. A session that the BMC has forgotten,
// because it ran out or its service restarted, is opened anew once: what was
// answered with 401 was not done.
func (d *device) inMode(ctx context.Context, rec *record, mode string, fn func(*conn, *system) (string, error)) (string, error) {
	rec.opened = false
	detail, err := d.signedIn(ctx, rec, mode, fn)
	if err != nil && rec.opened && rec.status == http.StatusUnauthorized {
		rec.opened = false
		detail, err = d.signedIn(ctx, rec, mode, fn)
	}
	return detail, err
}

func (d *device) signedIn(ctx context.Context, rec *record, mode string, fn func(*conn, *system) (string, error)) (string, error) {
	c, signOut, err := d.signIn(ctx, mode, rec)
	if err != nil {
		return "", err
	}
	defer signOut()
	s, err := d.findSystem(c)
	if err != nil {
		return "", err
	}
	return fn(c, s)
}
