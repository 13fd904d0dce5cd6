package extract

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Secrets takes credentials out of texts. Its zero value and nil know of none. It may be used by many goroutines.
type Secrets struct {
	mu       sync.RWMutex
	values   []string
	replacer *strings.Replacer
	forms    [][]byte // what is looked for, the longest first
}

// shortestSecret is the length below which a value is not looked for in texts: "1" would be found everywhere.
const shortestSecret = 4

// NewSecrets makes a Secrets that knows the values, as they are and as they appear in URLs, JSON and basic
// authentication.
func NewSecrets(values ...string) *Secrets {
	s := &Secrets{}
	s.add(values...)
	return s
}

// add makes it know more values, such as a token that was fetched meanwhile.
func (s *Secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := len(s.values)
	for _, v := range values {
		if len(v) >= shortestSecret && !slices.Contains(s.values, v) {
			s.values = append(s.values, v)
		}
	}
	if len(s.values) > known {
		s.learn()
	}
}

// learn makes what is looked for anew.
func (s *Secrets) learn() {
	var forms []string
	for _, v := range s.values {
		quoted := appendValue(nil, v)
		forms = append(forms, v, url.QueryEscape(v), url.PathEscape(v), string(quoted[1:len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(v)))
	}
	// The longest first, so that no secret is cut by a shorter one.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, "***")
	}
	s.forms = nil
	for _, f := range forms {
		s.forms = append(s.forms, []byte(f))
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// first finds the first credential in a text, the longest of those that begin there; at is -1 when there is none.
func (s *Secrets) first(text []byte) (at, length int) {
	at = -1
	for _, f := range s.known() {
		if i := bytes.Index(text, f); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(f)
		}
	}
	return at, length
}

// longest is the length of the longest credential.
func (s *Secrets) longest() int {
	if known := s.known(); len(known) > 0 {
		return len(known[0])
	}
	return 1
}

// known are the forms that are looked for. The list is replaced, never changed.
func (s *Secrets) known() [][]byte {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.forms
}

// Redact gives the text with *** in the place of every known value.
func (s *Secrets) Redact(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	replacer := s.replacer
	s.mu.RUnlock()
	if replacer == nil {
		return text
	}
	return replacer.Replace(text)
}

// soundsSecret reports whether a parameter's name says that its value is a credential.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "sign", "secret", "key", "password", "auth", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
