package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cluster/state"
)

// Role is what a caller may do; each role includes the ones before it.
type Role int

// The roles.
const (
	RoleNone Role = iota
	RoleViewer
	RoleOperator
	RoleAdmin
	RolePeer // another member
)

var roleWords = []string{"none", "viewer", "operator", "admin", "member"}

// String returns the role's word.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleWords) {
		return fmt.Sprintf("role(%d)", int(r))
	}
	return roleWords[r]
}

// Identity is who makes a request, as the connection proves it.
type Identity struct {
	Name string
	Role Role
	// From is where they are: an address, or a member's local socket.
	From string
	// Subject is the one that a role may be bound to: user:NAME or cert:NAME; empty
	// for members.
	Subject state.Subject
}

// raised says how somebody gets a role that they lack; nothing for what no person
// gets.
func (who Identity) raised(to Role) string {
	if who.Subject == "" || to <= RoleNone || to >= RolePeer {
		return ""
	}
	return fmt.Sprintf("; an admin can give it: belayctl role bind %s %s", who.Subject, to)
}

// Headers that only members are believed in.
const (
	headerBy        = "Belay-By"
	headerRole      = "Belay-Role"
	headerFrom      = "Belay-From"
	headerSubject   = "Belay-Subject"
	headerForwarded = "Belay-Forwarded"
)

type peerKey struct{}

// WithPeerCredentials keeps a Unix connection's credentials for
// Access.Local; it is an http.Server's ConnContext.
func WithPeerCredentials(ctx context.Context, c net.Conn) context.Context {
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return ctx
	}
	var credentials *unix.Ucred
	if err := raw.Control(func(fd uintptr) { credentials, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || credentials == nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, credentials)
}

// CertificateIdentity identifies callers by their client certificate, whose
// organisation is "belay:ROLE". A member that forwards a request is believed
// about who made it and what they may do.
func CertificateIdentity(r *http.Request) Identity {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Identity{Name: "anonymous", Role: RoleNone}
	}
	subject := r.TLS.PeerCertificates[0].Subject
	who := Identity{Name: subject.CommonName, From: host(r.RemoteAddr)}
	for _, organisation := range subject.Organization {
		switch organisation {
		case "belay:node":
			who.Role = RolePeer
		case "belay:admin":
			who.Role = max(who.Role, RoleAdmin)
		case "belay:operator":
			who.Role = max(who.Role, RoleOperator)
		case "belay:viewer":
			who.Role = max(who.Role, RoleViewer)
		}
	}
	if who.Role != RolePeer {
		who.Subject = "cert:" + state.Subject(who.Name)
	}
	if by := r.Header.Get(headerBy); who.Role == RolePeer && by != "" {
		who.Subject = state.Subject(r.Header.Get(headerSubject))
		who.Name = by
		if from := r.Header.Get(headerFrom); from != "" {
			who.From = from
		}
		// The least of both: what a person may not do, no member does for them. A
		// joiner has no role; the member vouches for the connection it came by.
		if role := slices.Index(roleWords, r.Header.Get(headerRole)); role > int(RoleNone) {
			who.Role = Role(role)
		}
	}
	return who
}

// certifiedPeer reports whether the connection is another member's.
func certifiedPeer(r *http.Request) bool {
	return r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && slices.Contains(r.TLS.PeerCertificates[0].Subject.Organization, "belay:node")
}

// host is an address without its port.
func host(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		return name
	}
	return address
}
