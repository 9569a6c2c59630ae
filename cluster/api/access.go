package api

import (
	"fmt"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Access decides who callers are and what they may do, by what their connection
// proves and by the roles that are bound.
type Access struct {
	// Member is whose API it is.
	Member resources.NodeName
	// SocketGroup may connect to the local socket besides root; whoever is in it and
	// has no role bound is an administrator.
	SocketGroup string
	// Roles returns the roles that are bound now.
	Roles func() map[state.Subject]state.RoleBinding
}

// Local identifies callers of the member's local socket, whose file mode says who
// may connect at all.
func (a Access) Local(r *http.Request) Identity {
	credentials, ok := r.Context().Value(peerKey{}).(*unix.Ucred)
	if !ok {
		return Identity{Name: "local", Role: RoleNone}
	}
	uid := strconv.FormatUint(uint64(credentials.Uid), 10)
	who := Identity{Name: "uid " + uid, From: fmt.Sprintf("socket of %s, uid %s", a.Member, uid)}
	caller := localCaller{gids: []string{strconv.FormatUint(uint64(credentials.Gid), 10)}}
	if u, err := user.LookupId(uid); err == nil {
		who.Name, caller.user = u.Username, u.Username
		who.Subject = "user:" + state.Subject(u.Username)
		if gids, err := u.GroupIds(); err == nil {
			caller.gids, caller.known = append(caller.gids, gids...), true
		}
	}
	for _, gid := range caller.gids {
		if group, err := user.LookupGroupId(gid); err == nil {
			caller.groups = append(caller.groups, group.Name)
		}
	}
	// Root, and whoever the daemon runs as, own the member's keys anyway. That they
	// may do everything is how a cluster is opened again whose roles are bound wrong.
	if credentials.Uid == 0 || int(credentials.Uid) == os.Geteuid() {
		who.Role = RoleAdmin
		return who
	}
	who.Role = caller.role(a.Roles(), a.SocketGroup)
	return who
}

// localCaller is what is known of a process at the socket.
type localCaller struct {
	user   string // empty if the number has no name
	gids   []string
	groups []string
	known  bool // all groups are
}

// role is the one bound to the user, else the highest of those bound to their
// groups, else what the socket's group gives.
func (c localCaller) role(bound map[state.Subject]state.RoleBinding, socketGroup string) Role {
	if b, found := bound["user:"+state.Subject(c.user)]; found && c.user != "" {
		return roleOf(b.Role)
	}
	best, found := RoleNone, false
	for _, group := range c.groups {
		if b, is := bound["group:"+state.Subject(group)]; is {
			best, found = max(best, roleOf(b.Role)), true
		}
	}
	switch {
	case found:
		return best
	case !c.known && boundToGroups(bound):
		return RoleNone // one of them may be theirs
	case slices.Contains(c.groups, socketGroup):
		return RoleAdmin
	}
	return RoleNone
}

func boundToGroups(bound map[state.Subject]state.RoleBinding) bool {
	for subject := range bound {
		if strings.HasPrefix(string(subject), "group:") {
			return true
		}
	}
	return false
}

// Certificate identifies callers by their client certificate; a role that is bound
// to its name takes the place of the one in it.
func (a Access) Certificate(r *http.Request) Identity {
	who := CertificateIdentity(r)
	bound, found := a.Roles()[who.Subject]
	switch {
	case !found || who.Role == RoleNone:
	case certifiedPeer(r):
		// A member for whom it has identified. It may not have heard yet that their
		// role was lowered: what was acknowledged holds at once.
		who.Role = min(who.Role, roleOf(bound.Role))
	default:
		who.Role = roleOf(bound.Role)
	}
	return who
}

// refused logs who may not do what they have asked for.
func (s *Server) refused(r *http.Request, who Identity, why string) {
	s.log.Info("refused", zap.String("by", who.Name), zap.String("from", who.From), zap.Stringer("role", who.Role), zap.String("request", r.Method+" "+r.URL.Path), zap.String("why", why))
}

// roleOf reads a role that is bound; what is unknown may do nothing.
func roleOf(word string) Role {
	if role := Role(slices.Index(roleWords, word)); role > RoleNone && role < RolePeer {
		return role
	}
	return RoleNone
}
