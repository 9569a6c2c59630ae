package ipmi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// Section numbers refer to "IPMI Specification v2.0, rev. 1.1".

// Payload types, table 13-16.
const (
	payloadIPMI         = 0x00
	payloadOpenRequest  = 0x10
	payloadOpenResponse = 0x11
	payloadRAKP1        = 0x12
	payloadRAKP2        = 0x13
	payloadRAKP3        = 0x14
	payloadRAKP4        = 0x15
)

const (
	flagEncrypted     = 0x80
	flagAuthenticated = 0x40
	authTypeNone      = 0x00
	authTypeRMCPPlus  = 0x06
	classIPMI         = 0x07
)

// suite is a cipher suite, table 22-20. All of them encrypt with AES-CBC-128;
// suites without integrity or encryption prove nothing and are not offered.
type suite struct {
	id                              int
	auth, integrity, confidentially byte
	newHash                         func() hash.Hash
	// authCode is the length of a packet's and of RAKP message 4's code, in bytes.
	authCode int
}

var suites = map[int]suite{
	3:  {3, 0x01, 0x01, 0x01, sha1.New, 12},
	17: {17, 0x03, 0x04, 0x01, sha256.New, 16},
}

func (s suite) mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(s.newHash, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// keys protect the packets of an active session.
type keys struct {
	suite  suite
	k1, k2 []byte
}

var (
	errMalformed = errors.New("malformed packet")
	errForged    = errors.New("packet without a valid authentication code")
)

// packet is one RMCP+ packet, taken apart.
type packet struct {
	payloadType byte
	session     uint32
	sequence    uint32
	payload     []byte
}

func rmcpHeader() []byte { return []byte{0x06, 0x00, 0xff, classIPMI} }

// plainPacket returns a packet outside any session, 13.6.
func plainPacket(payloadType byte, payload []byte) []byte {
	p := append(rmcpHeader(), authTypeRMCPPlus, payloadType)
	p = append(p, make([]byte, 8)...)
	p = binary.LittleEndian.AppendUint16(p, uint16(len(payload)))
	return append(p, payload...)
}

// sealedPacket returns an encrypted and authenticated packet, 13.28 and 13.29.
func (k *keys) sealedPacket(session, sequence uint32, payload []byte) ([]byte, error) {
	padded := append([]byte(nil), payload...)
	pad := (aes.BlockSize - (len(payload)+1)%aes.BlockSize) % aes.BlockSize
	for i := range pad {
		padded = append(padded, byte(i+1))
	}
	padded = append(padded, byte(pad))
	iv := make([]byte, aes.BlockSize)
	if _, err := rand.Read(iv); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k.k2[:16])
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)

	signed := []byte{authTypeRMCPPlus, flagEncrypted | flagAuthenticated | payloadIPMI}
	signed = binary.LittleEndian.AppendUint32(signed, session)
	signed = binary.LittleEndian.AppendUint32(signed, sequence)
	signed = binary.LittleEndian.AppendUint16(signed, uint16(len(iv)+len(padded)))
	signed = append(append(signed, iv...), padded...)
	fill := (4 - (len(signed)+2)%4) % 4
	for range fill {
		signed = append(signed, 0xff)
	}
	signed = append(signed, byte(fill), classIPMI)
	code := k.suite.mac(k.k1, signed)[:k.suite.authCode]
	return append(append(rmcpHeader(), signed...), code...), nil
}

// openPlain takes a packet outside any session apart.
func openPlain(raw []byte) (packet, error) {
	p, _, err := splitPacket(raw)
	if err == nil && (p.session != 0 || raw[5]&(flagEncrypted|flagAuthenticated) != 0) {
		err = errMalformed
	}
	return p, err
}

const rmcpPlusHeader = 16 // RMCP and session header, in bytes

func splitPacket(raw []byte) (packet, int, error) {
	if len(raw) < rmcpPlusHeader || raw[0] != 0x06 || raw[3] != classIPMI || raw[4] != authTypeRMCPPlus {
		return packet{}, 0, errMalformed
	}
	p := packet{
		payloadType: raw[5] & 0x3f,
		session:     binary.LittleEndian.Uint32(raw[6:]),
		sequence:    binary.LittleEndian.Uint32(raw[10:]),
	}
	end := rmcpPlusHeader + int(binary.LittleEndian.Uint16(raw[14:]))
	if end > len(raw) {
		return packet{}, 0, errMalformed
	}
	p.payload = raw[rmcpPlusHeader:end]
	return p, end, nil
}

// openSealed takes a packet of an active session apart. Only packets that are
// encrypted and carry a valid authentication code are taken: what they say is
// what proves a node off.
func (k *keys) openSealed(raw []byte) (packet, error) {
	p, _, err := splitPacket(raw)
	if err != nil {
		return packet{}, err
	}
	if raw[5]&flagEncrypted == 0 || raw[5]&flagAuthenticated == 0 || len(raw) < rmcpPlusHeader+k.suite.authCode {
		return packet{}, errForged
	}
	signed, code := raw[4:len(raw)-k.suite.authCode], raw[len(raw)-k.suite.authCode:]
	if !hmac.Equal(code, k.suite.mac(k.k1, signed)[:k.suite.authCode]) {
		return packet{}, errForged
	}
	if len(p.payload) < 2*aes.BlockSize || len(p.payload)%aes.BlockSize != 0 {
		return packet{}, errMalformed
	}
	block, err := aes.NewCipher(k.k2[:16])
	if err != nil {
		return packet{}, err
	}
	iv, text := p.payload[:aes.BlockSize], p.payload[aes.BlockSize:]
	plain := make([]byte, len(text))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, text)
	pad := int(plain[len(plain)-1])
	if pad >= len(plain) {
		return packet{}, errMalformed
	}
	p.payload = plain[:len(plain)-1-pad]
	return p, nil
}

// Addresses and LUNs of messages, 5.5.
const (
	addrBMC     = 0x20
	addrConsole = 0x81
)

// command is one IPMI command.
type command struct {
	name   string
	netFn  byte
	code   byte
	data   []byte
	answer int // least length of a successful answer's data, in bytes
}

// request returns the command as an IPMI LAN message, 13.8.
func (c command) request(sequence byte) []byte {
	m := []byte{addrBMC, c.netFn << 2, 0, addrConsole, sequence << 2, c.code}
	m[2] = checksum(m[:2])
	m = append(m, c.data...)
	return append(m, checksum(m[3:]))
}

// response returns the completion code and data of an IPMI LAN message when it
// answers the command.
func (c command) response(m []byte, sequence byte) (code byte, data []byte, err error) {
	if len(m) < 8 || checksum(m[:2]) != m[2] || checksum(m[3:len(m)-1]) != m[len(m)-1] {
		return 0, nil, errMalformed
	}
	if m[1]>>2 != c.netFn|1 || m[4]>>2 != sequence || m[5] != c.code {
		return 0, nil, fmt.Errorf("%w: answers another request", errMalformed)
	}
	data = m[7 : len(m)-1]
	if m[6] == 0 && len(data) < c.answer {
		return 0, nil, fmt.Errorf("%w: %d bytes of data", errMalformed, len(data))
	}
	return m[6], data, nil
}

func checksum(data []byte) byte {
	var sum byte
	for _, b := range data {
		sum += b
	}
	return -sum
}

// capabilitiesRequest asks for the channel's authentication capabilities in an
// IPMI 1.5 packet, as 13.14 wants it before a session: some BMCs answer nothing
// else first.
func capabilitiesRequest(c command) []byte {
	message := c.request(0)
	p := append(rmcpHeader(), authTypeNone)
	p = append(p, make([]byte, 8)...)
	p = append(p, byte(len(message)))
	return append(p, message...)
}

func capabilitiesResponse(c command, raw []byte) (code byte, data []byte, err error) {
	const header = 14
	if len(raw) < header || raw[0] != 0x06 || raw[3] != classIPMI || raw[4] != authTypeNone || header+int(raw[13]) > len(raw) {
		return 0, nil, errMalformed
	}
	return c.response(raw[header:header+int(raw[13])], 0)
}
