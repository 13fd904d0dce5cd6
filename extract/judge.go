package extract

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// judge receives a response whole and decides what it is. Only a nil error lets its records go on.
func (k *call) judge(resp *http.Response) (err error) {
	defer func() {
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			seatOf(resp.Request.Context()).divided()
		}
		if k.asked > 0 && k.asked <= k.retry.Longest {
			k.limits.hold(resp.Request.Context(), k.asked)
		}
	}()
	k.compareClocks(resp.Request.Context(), resp) // before the body, which may take its time
	if err := k.answer.body.close(); err != nil {
		return err
	}
	k.answer.body = nil
	received, err := receive(resp, k.source.limits.maxBody, k.tempDir)
	if err != nil {
		return k.broken(err)
	}
	k.traffic.bytes.Add(received.size)
	k.answer.body, k.answer.fetched = received, k.exchange.at(seatOf(resp.Request.Context()).arrived(k.now))
	k.answer.address, k.answer.links = resp.Request.URL, resp.Header.Values("Link")
	parseErr := k.parse()
	if decided, err := k.obey(resp); decided {
		return err
	}
	if err := k.status(resp); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusNoContent && received.size == 0 {
		k.answer.skipped = true
		return nil
	}
	if parseErr != nil {
		return k.unreadable(resp, parseErr)
	}
	if err := k.content(); err != nil {
		return err
	}
	return k.crossed(resp.Request.Context())
}

// broken is an answer that did not arrive whole.
func (k *call) broken(err error) error {
	var typed *Error
	switch {
	case errors.As(err, &typed):
		return err
	case errors.Is(err, errTooLarge):
		return &Error{
			Kind: UnexpectedContent, Message: fmt.Sprintf("%s of %d bytes", errTooLarge, k.source.limits.maxBody),
			Hint: "raise limits.max_body, or ask for less at a time",
		}
	case errors.Is(err, errBadText):
		return &Error{Kind: UnexpectedContent, Message: "the answer has bytes that are not of the encoding that its Content-Type names"}
	}
	return &Error{
		Kind: Transport, Message: "the answer broke off: " + err.Error(), cause: err, repeat: true, Hint: k.source.nextStep(err, k.base.Host),
	}
}

// parse finds the envelope's values and the records.
func (k *call) parse() error {
	a := k.answer
	a.records, a.env, a.keys = nil, envelope{}, keyRun{}
	hash := sha256.New()
	env, err := k.responses.selection.scanLong(a.body.reader(), func(raw []byte, offset int64) error {
		hash.Write(raw)
		hash.Write([]byte{'\n'})
		if k.keyset != nil {
			a.keys.add(k.keyset, raw)
		}
		if a.body.file == nil {
			a.records = append(a.records, a.body.memory[offset:offset+int64(len(raw)):offset+int64(len(raw))])
		}
		return nil
	}, func(value longValue, _ int64) error {
		fmt.Fprintf(hash, "%s %d\n", value.head, value.size)
		return nil
	})
	a.env = env
	hash.Sum(a.content[:0])
	return err
}

// obey applies the first rule of on that holds.
func (k *call) obey(resp *http.Response) (decided bool, err error) {
	if split := k.responses.split; split.root != nil && split.holds(resp.StatusCode, k.answer.env) {
		return true, &Error{Kind: WindowTooLarge, Message: "split_when holds: " + cmp.Or(split.describe(k.answer.env), split.text)}
	}
	for _, r := range k.responses.rules {
		if !r.when.holds(resp.StatusCode, k.answer.env) {
			continue
		}
		reason := r.reason
		if reason == "" {
			reason = r.when.text
		}
		switch r.do {
		case doSkip:
			k.answer.skipped = true
			return true, nil
		case doRetry, doBackoff:
			kind := Refused
			if r.do == doBackoff {
				kind = Throttled
			}
			k.asked = r.wait
			return true, k.later(resp, &Error{Kind: kind, Message: reason, repeat: true, Hint: "the source said so each time; what was landed stands, and the next run goes on from there"})
		case doRenew:
			return true, k.unauthorized(&Error{Kind: Auth, Message: reason, Hint: k.source.auth.hint(k.source.File)})
		default:
			return true, &Error{Kind: Refused, Message: reason, Hint: fmt.Sprintf("%s holds, and the declaration says to fail then", r.when.text)}
		}
	}
	return false, nil
}

// later honours a Retry-After, unless it is longer than a run waits.
func (k *call) later(resp *http.Response, e *Error) error {
	k.asked = max(k.asked, k.retryAfter(resp))
	if asked := k.retryAfter(resp); asked > k.retry.Longest {
		return &Error{
			Kind:    Throttled,
			Message: fmt.Sprintf("the source asks to be left alone for %s", asked.Round(time.Second)),
			Hint:    "run again after that; what was landed stays",
			wait:    asked,
		}
	}
	return e
}

// unauthorized has the token renewed and the request repeated, once.
func (k *call) unauthorized(e *Error) *Error {
	if !k.source.auth.renewable() || k.fetching {
		return e
	}
	if k.renewed {
		e.Message += " with a new token, too"
		return e
	}
	k.refused, e.repeat = true, true
	return e
}

// status judges by the status alone.
func (k *call) status(resp *http.Response) error {
	code := resp.StatusCode
	said := fmt.Sprintf("HTTP %d", code)
	if head := strings.TrimSpace(k.answer.body.head(200)); head != "" {
		said += ": " + oneLine(head)
	}
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized:
		return k.unauthorized(&Error{Kind: Auth, Message: said, Hint: k.source.auth.hint(k.source.File)})
	case code == http.StatusForbidden:
		return &Error{Kind: Auth, Message: said, Hint: "the credentials are known but not allowed this: is this address on the source's allow-list?"}
	case code == http.StatusTooManyRequests:
		return k.later(resp, &Error{Kind: Throttled, Message: said, Hint: "lower limits.rate in " + k.source.File + "; the next run goes on from there", repeat: true})
	case slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly}, code), code >= 500 && code != http.StatusNotImplemented:
		return k.later(resp, &Error{
			Kind: Unavailable, Message: said, repeat: true,
			Hint: "the source is in trouble; what was landed stands, and the next run goes on from there",
		})
	case code == http.StatusNotFound, code == http.StatusGone:
		return &Error{
			Kind: Refused, Message: said,
			Hint: fmt.Sprintf(`correct base_url or path in %s; where there may be nothing, write on: [{when: "status == %d", do: skip}]`, k.source.File, code),
		}
	default:
		return &Error{
			Kind: Refused, Message: said,
			Hint: "compare the request, which terrace plan shows, with the source's documentation; a rule under on: can say what this answer means",
		}
	}
}

// unreadable tells a document that broke off, which may be whole next time, from one that is something else.
func (k *call) unreadable(resp *http.Response, err error) error {
	head := strings.TrimSpace(k.answer.body.head(200))
	switch {
	case head == "":
		return &Error{Kind: UnexpectedContent, Message: "the answer is empty", repeat: true, Hint: "open the address in a browser, or write a rule under on: for what an empty answer means"}
	case errors.Is(err, errTruncated):
		return &Error{Kind: Transport, Message: fmt.Sprintf("the JSON breaks off after %d bytes", k.answer.body.size), repeat: true, Hint: k.source.nextStep(err, k.base.Host)}
	}
	said, hint := contentType(resp), "a page for people, such as a login or maintenance page? Open the address in a browser"
	if strings.ContainsAny(head[:1], "{[") {
		hint = "the source has to mend its JSON; no record of such an answer is landed"
	}
	if encoding := strings.Join(resp.Header.Values("Content-Encoding"), ", "); encoding != "" {
		said += ", Content-Encoding " + encoding
		hint = "what is compressed otherwise than by gzip or zstd, or more than twice, is not read: write headers: {Accept-Encoding: identity}, if the source obeys that"
	}
	return &Error{
		Kind:    UnexpectedContent,
		Message: fmt.Sprintf("unexpected content (%s), %v; it begins: %s", said, err, oneLine(head)),
		Hint:    hint,
	}
}

func contentType(resp *http.Response) string {
	if t := resp.Header.Get("Content-Type"); t != "" {
		return t
	}
	return "no Content-Type"
}

// content judges the envelope.
func (k *call) content() error {
	r, env := k.responses, k.answer.env
	if r.success.root != nil && !r.success.holds(http.StatusOK, env) {
		return &Error{
			Kind:    Refused,
			Message: fmt.Sprintf("success_when does not hold: %s; the answer begins: %s", r.success.describe(env), oneLine(k.answer.body.head(200))),
			Hint:    "add a rule under on: for what this answer means",
		}
	}
	nullIsEmpty := env.null && r.success.root != nil
	if env.missing != "" && !r.missingEmpty && !nullIsEmpty {
		return &Error{
			Kind:    NoRecords,
			Message: fmt.Sprintf("no records at %s: %s; the answer begins: %s", r.records.text, env.missing, oneLine(k.answer.body.head(200))),
			Hint:    "correct records, say with success_when what a good answer is, or write on_missing: empty",
		}
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
