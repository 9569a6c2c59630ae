package redfish

import (
	"context"
	"net/http"

	"github.com/belay-ha/belay/fencing"
)

// inSomeMode calls the function signed in: in the way that is asked for or has
// worked before, else by basic authentication and, where that is refused, in a
// session. What an earlier device of the same account has learnt comes first.
func (d *device) inSomeMode(ctx context.Context, rec *record, fn func(*conn, *system) (string, error)) (string, error) {
	if d.mode != "" {
		return d.inMode(ctx, rec, d.mode, fn)
	}
	account := account{d.endpoint.Host, d.username}
	first, second := authBasic, authSession
	if d.learnt.mode(account) == authSession {
		first, second = authSession, authBasic
	}
	took := func(mode string) {
		d.mode = mode
		d.learnt.worked(account, mode)
	}
	detail, err := d.inMode(ctx, rec, first, fn)
	switch {
	case err == nil:
		took(first)
		return detail, nil
	case rec.status == http.StatusForbidden:
		d.learnt.forget(account)
		return detail, err
	case !refuses(first, rec, err):
		return detail, err
	}
	d.learnt.forget(account)
	firstErr, firstStatus := err, rec.status
	detail, err = d.inMode(ctx, rec, second, fn)
	kind, _ := describe(err, rec.status)
	switch {
	case err == nil, kind == fencing.KindBusy:
		// There are sessions, if none is free just now: no further wrong logins.
		took(second)
		return detail, err
	case rec.status == http.StatusUnauthorized, rec.status == 0, rec.status >= http.StatusInternalServerError:
		return detail, err
	default: // there is no such way
		rec.status = firstStatus
		return "", firstErr
	}
}

// refuses reports whether the answer says that the BMC does not take this way to sign
// in: basic authentication may be switched off (401), or hide everything (404); of
// sessions there may be none, or not for this account.
func refuses(mode string, rec *record, err error) bool {
	if mode == authBasic {
		return rec.status == http.StatusUnauthorized || rec.status == http.StatusNotFound
	}
	switch rec.status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed:
		kind, _ := describe(err, rec.status)
		return !rec.opened && kind != fencing.KindBusy
	default:
		return false
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
