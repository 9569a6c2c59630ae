package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/resources"
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
}

// Headers that only members are believed in.
const (
	headerBy        = "Belay-By"
	headerRole      = "Belay-Role"
	headerFrom      = "Belay-From"
	headerForwarded = "Belay-Forwarded"
)

type peerKey struct{}

// WithPeerCredentials keeps a Unix connection's credentials for
// LocalIdentity; it is an http.Server's ConnContext.
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

// LocalIdentity identifies callers of a member's local socket. Its file mode says
// who may connect at all; whoever can is an administrator.
func LocalIdentity(member resources.NodeName) func(*http.Request) Identity {
	return func(r *http.Request) Identity { return localIdentity(member, r) }
}

func localIdentity(member resources.NodeName, r *http.Request) Identity {
	credentials, ok := r.Context().Value(peerKey{}).(*unix.Ucred)
	if !ok {
		return Identity{Name: "local", Role: RoleNone}
	}
	uid := strconv.FormatUint(uint64(credentials.Uid), 10)
	name := "uid " + uid
	if u, err := user.LookupId(uid); err == nil {
		name = u.Username
	}
	return Identity{Name: name, Role: RoleAdmin, From: fmt.Sprintf("socket of %s, uid %s", member, uid)}
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
	if by := r.Header.Get(headerBy); who.Role == RolePeer && by != "" {
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

// host is an address without its port.
func host(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		return name
	}
	return address
}
