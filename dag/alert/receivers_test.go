package alert_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver stands in for the far end of a channel. It checks what providers check, and answers as they do.
type receiver struct {
	*httptest.Server
	mu sync.Mutex
	// bodies are those that were taken.
	bodies []string
	ids    []string
	keys   []string
	// answer is asked first; where it reports true it has answered.
	answer func(w http.ResponseWriter, r *http.Request, body []byte) bool
}

func (r *receiver) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.bodies...)
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request, []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// newReceiver answers with ok what it takes; check refuses with its own answer.
func newReceiver(t *testing.T, ok string, check func(http.ResponseWriter, *http.Request, []byte) bool) *receiver {
	t.Helper()
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if rec.answer != nil && rec.answer(w, r, body) {
			return
		}
		if check != nil && check(w, r, body) {
			return
		}
		rec.bodies = append(rec.bodies, string(body))
		rec.ids = append(rec.ids, r.Header.Get("X-Terrace-Delivery"))
		rec.keys = append(rec.keys, r.Header.Get("Idempotency-Key"))
		fmt.Fprint(w, ok)
	}))
	t.Cleanup(rec.Close)
	return rec
}

const robotSecret = "SECdd5a0c2f6a1b4e7f"

// newDingTalk wants the signature of robotSecret, a time within the hour, a token and a Markdown message.
func newDingTalk(t *testing.T) *receiver {
	return newReceiver(t, `{"errcode":0,"errmsg":"ok"}`, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		stamp := r.URL.Query().Get("timestamp")
		mac := hmac.New(sha256.New, []byte(robotSecret))
		fmt.Fprintf(mac, "%s\n%s", stamp, robotSecret)
		millis, _ := strconv.ParseInt(stamp, 10, 64)
		age := time.Since(time.UnixMilli(millis))
		var m struct {
			Type     string `json:"msgtype"`
			Markdown struct{ Title, Text string }
		}
		switch {
		case r.URL.Query().Get("access_token") != "a-token-of-a-robot":
			fmt.Fprint(w, `{"errcode":300001,"errmsg":"token is not exist"}`)
		case r.URL.Query().Get("sign") != base64.StdEncoding.EncodeToString(mac.Sum(nil)), age > time.Hour, age < -time.Hour:
			fmt.Fprint(w, `{"errcode":310000,"errmsg":"sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"}`)
		case json.Unmarshal(body, &m) != nil || m.Type != "markdown" || m.Markdown.Title == "" || m.Markdown.Text == "" || len(body) > 20_000:
			fmt.Fprint(w, `{"errcode":40035,"errmsg":"不合法的参数"}`)
		default:
			return false
		}
		return true
	})
}

// newWeCom wants a key and at most 4096 bytes of Markdown.
func newWeCom(t *testing.T) *receiver {
	return newReceiver(t, `{"errcode":0,"errmsg":"ok"}`, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		var m struct {
			Type     string `json:"msgtype"`
			Markdown struct{ Content string }
		}
		switch {
		case r.URL.Query().Get("key") != "693a91f6-7xxx":
			fmt.Fprint(w, `{"errcode":93000,"errmsg":"invalid webhook url, hint: [1]"}`)
		case json.Unmarshal(body, &m) != nil || m.Type != "markdown" || m.Markdown.Content == "":
			fmt.Fprint(w, `{"errcode":44004,"errmsg":"empty content"}`)
		case len(m.Markdown.Content) > 4096:
			fmt.Fprint(w, `{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}`)
		default:
			return false
		}
		return true
	})
}

// newSlack wants text and blocks within Slack's lengths.
func newSlack(t *testing.T) *receiver {
	return newReceiver(t, "ok", func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		var m struct {
			Text   string
			Blocks []struct {
				Type string
				Text struct{ Type, Text string }
			}
		}
		if !strings.HasSuffix(r.URL.Path, "/T0001/B0001/a-secret-of-slack") {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "no_service")
			return true
		}
		bad := json.Unmarshal(body, &m) != nil || m.Text == "" || len(m.Blocks) != 2
		for _, b := range m.Blocks {
			most := map[string]int{"header": 150, "section": 3000}[b.Type]
			bad = bad || b.Text.Text == "" || len([]rune(b.Text.Text)) > most
		}
		if bad {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "invalid_payload")
		}
		return bad
	})
}

const hookSecret = "a-secret-of-the-hook"

// newHook wants a signature of hookSecret.
func newHook(t *testing.T) *receiver {
	return newReceiver(t, "", func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		mac := hmac.New(sha256.New, []byte(hookSecret))
		fmt.Fprintf(mac, "%s.%s", r.Header.Get("X-Terrace-Timestamp"), body)
		if r.Header.Get("X-Terrace-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			http.Error(w, "bad signature", http.StatusForbidden)
			return true
		}
		return false
	})
}

// mailServer takes mails over SMTP. With a certificate it offers STARTTLS, or speaks TLS from the start.
type mailServer struct {
	address  string
	pool     *x509.CertPool
	login    string // AUTH PLAIN is wanted with this user and password, "" for none
	refuse   string // the answer to RCPT, where it is not 250
	mu       sync.Mutex
	letters  []string
	receipts [][]string
}

func newMailServer(t *testing.T, mode string) *mailServer {
	t.Helper()
	s := &mailServer{}
	certificate := selfSigned(t)
	s.pool = x509.NewCertPool()
	s.pool.AddCert(certificate.Leaf)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if mode == "tls" {
				conn = tls.Server(conn, config)
			}
			go s.talk(conn, mode == "starttls", config)
		}
	}()
	return s
}

func (s *mailServer) talk(conn net.Conn, startTLS bool, config *tls.Config) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	in := bufio.NewReader(conn)
	say := func(lines ...string) { fmt.Fprint(conn, strings.Join(lines, "\r\n")+"\r\n") }
	var to []string
	authorized := s.login == ""
	say("220 mail.test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(word) {
		case "EHLO", "HELO":
			lines := []string{"250-mail.test", "250-8BITMIME"}
			if startTLS {
				lines = append(lines, "250-STARTTLS")
			}
			say(append(lines, "250 AUTH PLAIN LOGIN")...)
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, config)
			in, startTLS = bufio.NewReader(conn), false
		case "AUTH":
			_, token, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(token)
			if authorized = string(plain) == "\x00"+strings.Replace(s.login, ":", "\x00", 1); authorized {
				say("235 welcome")
			} else {
				say("535 5.7.8 authentication failed")
			}
		case "RCPT":
			switch {
			case !authorized:
				say("530 5.7.0 authentication required")
			case s.refuse != "":
				say(s.refuse)
			default:
				to = append(to, strings.TrimSuffix(strings.TrimPrefix(rest, "TO:<"), ">"))
				say("250 ok")
			}
		case "DATA":
			say("354 go on")
			var letter strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				letter.WriteString(l)
			}
			s.mu.Lock()
			s.letters, s.receipts = append(s.letters, letter.String()), append(s.receipts, to)
			s.mu.Unlock()
			to = nil
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}
