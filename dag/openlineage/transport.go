package openlineage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/terrace-elt/terrace/dag/outbound"
)

// requestTimeout bounds one request.
const requestTimeout = 5 * time.Second

// open gives the transport of a configuration which is on.
func (c Config) open() transport {
	if c.URL == "" {
		return file(c.File)
	}
	return &service{config: c, client: outbound.NewClient(requestTimeout)}
}

// service takes each event as the body of a POST.
type service struct {
	config Config
	client *http.Client
}

// Emit implements transport. An error holds the host of the address alone.
func (s *service) Emit(ctx context.Context, event []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL, bytes.NewReader(event))
	if err != nil {
		return errors.New("its address cannot be asked") // the error would quote it
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "terrace")
	if s.config.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+s.config.APIKey)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", request.URL.Host, outbound.Reason(err))
	}
	defer response.Body.Close()
	const shown = 200
	said, _ := io.ReadAll(io.LimitReader(response.Body, shown))       // what it says is only for people
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection serves again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: HTTP %d: %s", request.URL.Host, response.StatusCode, bytes.TrimSpace(said))
	}
	return nil
}

// file is appended to, a line for each event; several processes may do so at once.
type file string

// Emit implements transport.
func (f file) Emit(_ context.Context, event []byte) error {
	out, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(append(event, '\n'))
	return errors.Join(err, out.Close())
}
