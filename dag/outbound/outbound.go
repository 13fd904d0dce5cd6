// Package outbound is for requests to addresses that are secrets, or are asked with one: robots, webhooks, services.
package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// NewClient returns a client that follows no redirects: what is sent goes where the declaration says. Each request ends
// within the timeout.
func NewClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Reason is why a request of a client failed, without its address.
func Reason(err error) error {
	var shown *url.Error
	if errors.As(err, &shown) { // it quotes the address
		err = shown.Err
	}
	var dial *net.OpError
	if errors.As(err, &dial) { // it repeats the host's
		err = fmt.Errorf("%s: %w", dial.Op, dial.Err)
	}
	return err
}
