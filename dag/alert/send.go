package alert

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/outbound"
)

// Sender hands messages to channels. It may be used by several goroutines at once.
type Sender struct {
	// Client makes requests; its timeout bounds each.
	Client *http.Client
	Now    func() time.Time
	// TLS is for mail servers; nil trusts what the machine trusts.
	TLS *tls.Config
}

// sendTimeout bounds one message. Nobody waits longer for a channel that is slow.
const sendTimeout = 5 * time.Second

// NewSender returns a sender that follows no redirects: what it sends goes where the declaration says.
func NewSender(now func() time.Time) *Sender {
	return &Sender{Now: now, Client: outbound.NewClient(sendTimeout)}
}

// ThrottledError says that a channel takes no more for a while.
type ThrottledError struct {
	Message string
	// After is how long to wait.
	After time.Duration
}

// Error says what the channel said.
func (e *ThrottledError) Error() string { return e.Message }

// delivery is a message on its way to a channel: an id that stays the same when it is sent again.
type delivery struct {
	id      string
	message Message
}

// Send hands a message to a channel. The id is the same each time that a message is sent again. A nil error says that
// the channel has taken it; a *ThrottledError says when to come back. Errors hold no part of the channel's address but
// its host.
func (s *Sender) Send(ctx context.Context, c Channel, id string, m Message) error {
	if c.Off() {
		return errors.New("the channel is off: its address is empty")
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if c.Language == Chinese {
		m.Title = m.titleIn(Chinese)
	}
	d := delivery{id: id, message: m}
	switch c.Type {
	case DingTalk:
		return s.dingTalk(ctx, c, d)
	case WeCom:
		return s.weCom(ctx, c, d)
	case Slack:
		return s.slack(ctx, c, d)
	case Mail:
		return s.mail(ctx, c, d)
	default:
		return s.webhook(ctx, c, d)
	}
}

// answer is what an HTTP channel said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// mostAnswer bounds what is read of an answer.
const mostAnswer = 64 << 10

// post sends a document as JSON. An answer of any status is no error yet.
func (s *Sender) post(ctx context.Context, address string, header map[string]string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("its address cannot be asked") // the error would quote it
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "terrace")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := s.Client.Do(request)
	if err != nil {
		err = outbound.Reason(err)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", length(sendTimeout))
		}
		return answer{}, fmt.Errorf("%s: %w", request.URL.Host, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%s: read the answer: %w", request.URL.Host, err)
	}
	return answer{response.StatusCode, response.Header, text}, nil
}

// refused is the error of an answer by its HTTP status, nil where that is 2xx.
func (a answer) refused(now time.Time) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	message := fmt.Sprintf("HTTP %d: %s", a.status, orElse(oneLine(string(a.body), mostMessage), http.StatusText(a.status)))
	if a.status == http.StatusTooManyRequests {
		return &ThrottledError{Message: message, After: a.retryAfter(now)}
	}
	return errors.New(message)
}

// The pauses after an answer that says "too often": as it says, else a minute, an hour at most.
const (
	throttlePause = time.Minute
	throttleMost  = time.Hour
)

func (a answer) retryAfter(now time.Time) time.Duration {
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	wait := throttlePause
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(throttleMost/time.Second))) * time.Second // more could be no time at all
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), throttleMost)
}

// robotAnswer is what DingTalk and WeCom say inside HTTP 200.
type robotAnswer struct {
	Code    *int   `json:"errcode"`
	Message string `json:"errmsg"`
}

// robot reads the answer of a robot: only errcode 0 says that the message was taken.
func (a answer) robot(now time.Time, throttled map[int]time.Duration, hints map[int]string) error {
	if err := a.refused(now); err != nil {
		return err
	}
	var said robotAnswer
	if err := json.Unmarshal(a.body, &said); err != nil || said.Code == nil {
		return fmt.Errorf("the answer is none of a robot: %s", oneLine(string(a.body), mostMessage))
	}
	if *said.Code == 0 {
		return nil
	}
	message := fmt.Sprintf("errcode %d: %s", *said.Code, oneLine(said.Message, mostMessage))
	if wait, ok := throttled[*said.Code]; ok {
		return &ThrottledError{Message: message, After: wait}
	}
	if hint := hints[*said.Code]; hint != "" {
		message += "; " + hint
	}
	return errors.New(message)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func encode(document any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(fmt.Sprintf("encode a message: %v", err)) // texts, numbers and times have a form in JSON
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
