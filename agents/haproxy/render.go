package haproxy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

const head = `# Written by belayd from the cluster's definition. Changes are overwritten:
# change the resource's parameters instead.
`

// disabled ends the line of a server that must not serve. What it says is also
// set at run time, so a reload finds the same state.
const disabled = " disabled"

// render returns the whole configuration.
func render(s settings, view agents.View) string {
	var b strings.Builder
	b.WriteString(head)
	s.global(&b)
	for _, l := range s.listens {
		l.section(&b, serversOf(l, view))
	}
	return b.String()
}

func (s settings) global(b *strings.Builder) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "    "+format+"\n", args...) }
	b.WriteString("global\n")
	line("log %s", s.log)
	line("stats socket %s mode 600 level admin expose-fd listeners", s.socket)
	if s.chroot != "" {
		line("chroot %s", s.chroot)
	}
	line("user %s", s.user)
	line("group %s", s.group)
	line("maxconn %d", s.maxConn)
	line("hard-stop-after %s", span(s.hardStop))
	b.WriteString("\ndefaults\n")
	line("log global")
	line("option dontlognull")
	line("option redispatch")
	line("retries 3")
	line("timeout connect %s", span(s.connect))
	line("timeout check %s", span(s.connect))
	line("timeout queue %s", span(time.Minute))
	if s.statsBind != "" {
		b.WriteString("\nlisten belay-statistics\n")
		line("mode http")
		line("bind %s%s", s.statsBind, transparent(s.statsBind))
		line("timeout client 10s")
		line("timeout server 10s")
		line("stats enable")
		line("stats uri /")
	}
}

func (l listen) section(b *strings.Builder, servers []server) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "    "+format+"\n", args...) }
	fmt.Fprintf(b, "\nlisten %s\n", l.name)
	line("mode %s", l.mode)
	for _, bind := range l.binds {
		tls := ""
		if l.certificate != "" {
			tls = " ssl crt " + l.certificate
		}
		line("bind %s%s%s", bind, transparent(bind), tls)
	}
	if l.mode == "http" {
		line("option httplog")
		line("option forwardfor")
	} else {
		line("option tcplog")
		line("option clitcpka")
		line("option srvtcpka")
	}
	line("timeout client %s", span(l.idle))
	line("timeout server %s", span(l.idle))
	if l.maxConn > 0 {
		line("maxconn %d", l.maxConn)
	}
	if l.policy != oneActive {
		line("balance %s", l.policy)
	}
	if strings.HasPrefix(l.check, "/") {
		line("option httpchk")
		line("http-check send meth GET uri %s", l.check)
	}
	for _, extra := range l.extra {
		line("%s", extra)
	}
	line("default-server inter %s fall %d rise %d on-marked-down shutdown-sessions%s", span(l.interval), l.fall, l.rise, l.back())
	for i, s := range servers {
		line("%s", l.server(i, s))
	}
}

// back says that a server that returns takes its clients back, so that two
// are never written to at once.
func (l listen) back() string {
	if l.policy == oneActive {
		return " on-marked-up shutdown-backup-sessions"
	}
	return ""
}

func (l listen) server(place int, s server) string {
	text := "server " + s.name + " " + s.address
	if l.check != "none" {
		text += " check"
	}
	// Without `option allbackups` HAProxy uses one backup, the first that is up.
	if l.policy == oneActive && place > 0 {
		text += " backup"
	}
	if s.want != ready {
		text += disabled
	}
	return text
}

// transparent lets HAProxy bind an address that is not on the node yet: it
// listens before the virtual address arrives.
func transparent(bind string) string {
	at, err := netip.ParseAddrPort(bind)
	if err != nil || at.Addr().IsUnspecified() || at.Addr().IsLoopback() {
		return ""
	}
	return " transparent"
}

// span writes a time in HAProxy's format, in milliseconds.
func span(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// structure returns a configuration without what can be changed at run time.
func structure(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "    server ") {
			lines[i] = strings.TrimSuffix(line, disabled)
		}
	}
	return strings.Join(lines, "\n")
}
