package ipmi

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func testKeys(id int) *keys {
	return &keys{suite: suites[id], k1: bytes.Repeat([]byte{1}, 20), k2: bytes.Repeat([]byte{2}, 20)}
}

func TestSealedPacketsOpen(t *testing.T) {
	for _, id := range []int{3, 17} {
		k := testKeys(id)
		for size := range 40 {
			want := bytes.Repeat([]byte{0xa5}, size)
			raw, err := k.sealedPacket(7, 9, want)
			if err != nil {
				t.Fatal(err)
			}
			p, err := k.openSealed(raw)
			if err != nil || !bytes.Equal(p.payload, want) || p.session != 7 || p.sequence != 9 {
				t.Fatalf("suite %d, %d bytes: %+v, %v", id, size, p, err)
			}
			for i := 4; i < len(raw); i++ {
				broken := bytes.Clone(raw)
				broken[i] ^= 0x10
				if _, err := k.openSealed(broken); err == nil {
					t.Fatalf("suite %d: took a packet with byte %d changed", id, i)
				}
			}
		}
	}
}

// A packet from the network, or from a BMC that has the keys and breaks every
// rule, is refused and never a panic.
func FuzzPackets(f *testing.F) {
	k := testKeys(17)
	sealed, _ := k.sealedPacket(1, 1, cmdStatus.request(1))
	f.Add(sealed, byte(0))
	f.Add(plainPacket(payloadRAKP2, make([]byte, 60)), byte(1))
	f.Add(capabilitiesRequest(cmdCapabilities), byte(2))
	f.Add([]byte{}, byte(3))
	f.Fuzz(func(t *testing.T, raw []byte, how byte) {
		_, _ = openPlain(raw)
		_, _, _ = capabilitiesResponse(cmdCapabilities, raw)
		if how%2 == 1 && len(raw) >= rmcpPlusHeader+k.suite.authCode {
			// Sign it, so that what is behind the signature is reached too.
			raw = bytes.Clone(raw)
			copy(raw, rmcpHeader())
			raw[4], raw[5] = authTypeRMCPPlus, flagEncrypted|flagAuthenticated
			binary.LittleEndian.PutUint16(raw[14:], uint16(len(raw)-rmcpPlusHeader-k.suite.authCode))
			body := raw[4 : len(raw)-k.suite.authCode]
			copy(raw[len(raw)-k.suite.authCode:], k.suite.mac(k.k1, body))
		}
		if p, err := k.openSealed(raw); err == nil {
			_, _, _ = cmdStatus.response(p.payload, 1)
		}
	})
}
