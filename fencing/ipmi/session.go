package ipmi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Timing of the exchanges. UDP loses packets: each is sent up to attempts times.
const (
	attempts     = 3
	attemptTime  = time.Second
	closeTimeout = time.Second
	maxPacket    = 1024
)

// Commands, appendix G.
var (
	cmdCapabilities = command{name: "Get Channel Authentication Capabilities", netFn: 0x06, code: 0x38, answer: 8}
	cmdPrivilege    = command{name: "Set Session Privilege Level", netFn: 0x06, code: 0x3b, answer: 1}
	cmdClose        = command{name: "Close Session", netFn: 0x06, code: 0x3c}
	cmdStatus       = command{name: "Get Chassis Status", netFn: 0x00, code: 0x01, answer: 1}
	cmdControl      = command{name: "Chassis Control", netFn: 0x00, code: 0x02}
)

// credentials is what it takes to open a session.
type credentials struct {
	username, password string
	kg                 []byte // BMC key of two-key logins, or nil
	privilege          byte
}

// session is one RMCP+ session over a socket of its own. It is used by one
// goroutine.
type session struct {
	conn     net.Conn
	keys     *keys
	id       uint32 // the BMC's
	console  uint32 // ours
	sequence uint32 // of the newest packet sent
	newest   uint32 // of the newest packet taken
	message  byte   // sequence of the newest message, 6 bits
	acted    bool   // a command that switches power was sent
}

// failure is an error with a kind, before the device's name is known.
type failure struct {
	kind fencing.Kind
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

func failed(kind fencing.Kind, format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{kind, err.Error(), errors.Unwrap(err)}
}

// open dials the BMC and opens a session with the first of the suites that it
// takes.
func open(ctx context.Context, address string, c credentials, ids []int) (*session, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, failed(fencing.KindUnreachable, "dial %s: %w", address, err)
	}
	s := &session{conn: conn}
	if err := s.capabilities(ctx, c.privilege); err != nil {
		_ = conn.Close()
		return nil, err
	}
	for i, id := range ids {
		err = s.handshake(ctx, c, suites[id])
		if !errors.Is(err, errNextSuite) || i == len(ids)-1 {
			break
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := s.raisePrivilege(ctx, c.privilege); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *session) raisePrivilege(ctx context.Context, privilege byte) error {
	set := cmdPrivilege
	set.data = []byte{privilege}
	_, err := s.do(ctx, set)
	return err
}

// close ends the session, also when the context is over: BMCs have few.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	end := cmdClose
	end.data = binary.LittleEndian.AppendUint32(nil, s.id)
	_, _ = s.do(ctx, end)
	_ = s.conn.Close()
}

func (s *session) capabilities(ctx context.Context, privilege byte) error {
	get := cmdCapabilities
	get.data = []byte{0x8e, privilege} // this channel, with IPMI 2.0 data
	var code byte
	var data []byte
	err := s.exchange(ctx, get.name, func() ([]byte, error) { return capabilitiesRequest(get), nil }, func(raw []byte) (err error) {
		code, data, err = capabilitiesResponse(get, raw)
		return err
	})
	switch {
	case err != nil:
		return err
	case code != 0:
		return nil // it answers; the handshake will tell
	case data[1]&0x80 != 0 && data[3]&0x02 == 0:
		return failed(fencing.KindUnsupported, "the BMC speaks IPMI 1.5 only, whose answers prove nothing")
	}
	return nil
}

// errNextSuite marks a handshake that another cipher suite may carry.
var errNextSuite = errors.New("cipher suite refused")

// handshake opens a session, 13.15 to 13.24 and 13.31.
func (s *session) handshake(ctx context.Context, c credentials, with suite) error {
	random := make([]byte, 4+16)
	if _, err := rand.Read(random); err != nil {
		return failed(fencing.KindUnknown, "read random bytes: %w", err)
	}
	random[0] |= 1 // a session id is not 0
	console, rm := random[:4], random[4:]

	answer, err := s.setup(ctx, "Open Session", payloadOpenRequest, payloadOpenResponse, console, with.openRequest(console))
	if err != nil {
		return err
	}
	if len(answer) < 36 || answer[16] != with.auth || answer[24] != with.integrity || answer[32] != with.confidentially {
		return failed(fencing.KindProtocol, "Open Session: the BMC chose other algorithms than suite %d's", with.id)
	}
	bmc := answer[8:12]

	role := c.privilege | 0x10 // look the user up by name alone
	user := append([]byte{role, byte(len(c.username))}, c.username...)
	rakp1 := append(append(append([]byte{0, 0, 0, 0}, bmc...), rm...), role, 0, 0)
	rakp1 = append(rakp1, user[1:]...)
	answer, err = s.setup(ctx, "RAKP message 1", payloadRAKP1, payloadRAKP2, console, rakp1)
	if err != nil {
		return err
	}
	size := with.newHash().Size()
	if len(answer) < 40+size {
		return failed(fencing.KindProtocol, "RAKP message 2: %d bytes", len(answer))
	}
	rc, guid, code := answer[8:24], answer[24:40], answer[40:40+size]
	kuid := make([]byte, maxPassword)
	copy(kuid, c.password)
	if !hmac.Equal(code, with.mac(kuid, console, bmc, rm, rc, guid, user)) {
		return failed(fencing.KindAuth, "RAKP message 2: authentication code mismatch: wrong password")
	}

	kg := kuid
	if c.kg != nil {
		kg = c.kg
	}
	sik := with.mac(kg, rm, rc, user)
	rakp3 := append([]byte{0, 0, 0, 0}, bmc...)
	rakp3 = append(rakp3, with.mac(kuid, rc, console, user)...)
	answer, err = s.setup(ctx, "RAKP message 3", payloadRAKP3, payloadRAKP4, console, rakp3)
	if err != nil {
		return err
	}
	if len(answer) < 8+with.authCode {
		return failed(fencing.KindProtocol, "RAKP message 4: %d bytes", len(answer))
	}
	if !hmac.Equal(answer[8:8+with.authCode], with.mac(sik, rm, bmc, guid)[:with.authCode]) {
		return failed(fencing.KindAuth, "RAKP message 4: integrity check mismatch: wrong BMC key (kg)")
	}
	s.keys = &keys{suite: with, k1: with.mac(sik, constant(1)), k2: with.mac(sik, constant(2))}
	s.id, s.console = binary.LittleEndian.Uint32(bmc), binary.LittleEndian.Uint32(console)
	return nil
}

// constant is what K1 and K2 are derived with, 13.32.
func constant(b byte) []byte {
	c := make([]byte, 20)
	for i := range c {
		c[i] = b
	}
	return c
}

func (s suite) openRequest(console []byte) []byte {
	p := append([]byte{0, 0, 0, 0}, console...)
	for kind, algorithm := range []byte{s.auth, s.integrity, s.confidentially} {
		p = append(p, byte(kind), 0, 0, 8, algorithm, 0, 0, 0)
	}
	return p
}

// setup exchanges one message of the handshake and checks the status and the
// session id that every answer begins with.
func (s *session) setup(ctx context.Context, name string, ask, want byte, console, payload []byte) ([]byte, error) {
	var answer []byte
	err := s.exchange(ctx, name, func() ([]byte, error) { return plainPacket(ask, payload), nil }, func(raw []byte) error {
		p, err := openPlain(raw)
		if err != nil {
			return err
		}
		// An error answer may stop after the status.
		if p.payloadType != want || len(p.payload) < 2 || (len(p.payload) >= 8 && p.payload[1] == 0 && string(p.payload[4:8]) != string(console)) {
			return errMalformed
		}
		answer = p.payload
		return nil
	})
	var f *failure
	switch {
	case errors.As(err, &f) && f.kind == fencing.KindTimeout && ask == payloadOpenRequest && ctx.Err() == nil:
		// Some BMCs answer nothing at all to a suite that they do not know.
		return nil, &failure{f.kind, f.text, errNextSuite}
	case err != nil:
		return nil, err
	case answer[1] != 0:
		return nil, statusFailure(name, answer[1])
	case len(answer) < 8:
		return nil, failed(fencing.KindProtocol, "%s: %d bytes", name, len(answer))
	}
	return answer, nil
}

// do sends a command in the session and returns its answer's data.
func (s *session) do(ctx context.Context, c command) ([]byte, error) {
	s.message = (s.message + 1) & 0x3f
	var code byte
	var data []byte
	err := s.exchange(ctx, c.name, func() ([]byte, error) {
		s.sequence++
		return s.keys.sealedPacket(s.id, s.sequence, c.request(s.message))
	}, func(raw []byte) error {
		p, err := s.keys.openSealed(raw)
		if err != nil {
			return err
		}
		if p.payloadType != payloadIPMI || p.session != s.console || p.sequence <= s.newest {
			return errForged
		}
		s.newest = p.sequence
		code, data, err = c.response(p.payload, s.message)
		return err
	})
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return nil, codeFailure(c.name, code)
	}
	return data, nil
}

// exchange sends a packet until the function takes an answer. Packets that it
// does not take are dropped: anyone can send them.
func (s *session) exchange(ctx context.Context, name string, build func() ([]byte, error), take func([]byte) error) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var dropped error
	for range attempts {
		if ctx.Err() != nil {
			break
		}
		raw, err := build()
		if err != nil {
			return failed(fencing.KindUnknown, "%s: %w", name, err)
		}
		if _, err := s.conn.Write(raw); err != nil {
			return failed(fencing.KindUnreachable, "%s: %w", name, err)
		}
		err = s.receive(ctx, take, &dropped)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return failed(fencing.KindUnreachable, "%s: %w", name, err)
		}
	}
	text := fmt.Sprintf("%s: no answer in time", name)
	if dropped != nil {
		text += " but " + dropped.Error()
	}
	cause := ctx.Err()
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	return &failure{fencing.KindTimeout, text, cause}
}

func (s *session) receive(ctx context.Context, take func([]byte) error, dropped *error) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(attemptTime)); err != nil {
		return err
	}
	if ctx.Err() != nil { // it ended before the deadline was set anew
		return os.ErrDeadlineExceeded
	}
	buf := make([]byte, maxPacket)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return err
		}
		err = take(append([]byte(nil), buf[:n]...))
		if err == nil {
			return nil
		}
		*dropped = err
	}
}
