package fencetest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// faulty answers in the way of the fault and reports whether it did.
func (r *Redfish) faulty(w http.ResponseWriter, req *http.Request, fault Fault, act func()) bool {
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-req.Context().Done():
			return true
		case <-timer.C:
		}
	}
	if fault.Act && act != nil {
		act()
	}
	switch {
	case fault.Hang:
		<-req.Context().Done()
		return true
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Redirect != "":
		http.Redirect(w, req, fault.Redirect, cmp.Or(fault.RedirectStatus, http.StatusTemporaryRedirect))
		return true
	case fault.Broken:
		breakOff(w, fault)
		return true
	case fault.Status != 0:
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(fault.RetryAfter/time.Second)))
		}
		answerMessage(w, fault.Status, fault.MessageID, fault.Message)
		return true
	}
	return false
}

// breakOff begins an answer and closes the connection in the middle of it.
func breakOff(w http.ResponseWriter, fault Fault) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(cmp.Or(fault.Status, http.StatusOK))
	_, _ = io.WriteString(w, `{"PowerState": "Off", `)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func link(path string) map[string]string { return map[string]string{"@odata.id": path} }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func answerError(w http.ResponseWriter, status int, message string) {
	answerMessage(w, status, "", message)
}

// answerMessage answers with an error of one message. Without a text it has only
// an argument, as older iLOs answer.
func answerMessage(w http.ResponseWriter, status int, id, message string) {
	info := map[string]any{"MessageId": cmp.Or(id, "Base.1.8."+strings.ReplaceAll(http.StatusText(status), " ", ""))}
	if message != "" {
		info["Message"] = message
	} else {
		info["MessageArgs"] = []string{"Power is off"}
	}
	answer(w, status, map[string]any{"error": map[string]any{
		"code": "Base.1.8.GeneralError", "message": "See @Message.ExtendedInfo.", "@Message.ExtendedInfo": []any{info},
	}})
}

// tls returns what the service agrees to.
func (c RedfishConfig) tls(cert tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, MaxVersion: c.MaxTLS}
	if c.MaxTLS != 0 {
		config.MinVersion = c.MaxTLS
	}
	if c.RSAOnly {
		config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	}
	return config
}

func selfSigned(ip net.IP, useRSA bool) (tls.Certificate, []byte, error) {
	var key crypto.Signer
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if useRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "emulated BMC"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IPAddresses: []net.IP{ip}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
