package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/terrace-elt/terrace/dag/site"
)

// pageFlags say where serve has its pages.
type pageFlags struct {
	Listen  string `placeholder:"ADDRESS" help:"Where pages, JSON and metrics are served (default: 127.0.0.1:8765, or a free port when that is taken). Others than the loopback need a token: TERRACE_SERVE_TOKEN."`
	NoPages bool   `name:"no-pages" help:"Serve no pages."`

	ReadOnly bool `name:"read-only" help:"Let pages and the API only show: nothing can be run, retried or paused there."`

	TrustedProxies []string `name:"trusted-proxy" placeholder:"NETWORK" help:"Proxies that say for whom they ask, by X-Forwarded-For: 127.0.0.1, 10.0.0.0/8. Who guesses tokens has to wait, by address."`
}

const (
	// tokenVariable names the token that readers of the pages show. It is no flag: those are seen by everybody on a machine.
	tokenVariable = "TERRACE_SERVE_TOKEN"
	// shortestToken is how long it is at least: it is tried by whoever reaches the address.
	shortestToken = 16
	defaultListen = "127.0.0.1:8765"
	// goodbye is how long open requests may go on when serving ends.
	goodbye = 3 * time.Second
)

// servePages serves until stop is called, which waits for what is being answered.
func (a *App) servePages(ctx context.Context, flags pageFlags) (stop func(), err error) {
	if flags.NoPages {
		return func() {}, nil
	}
	proxies, err := networks(flags.TrustedProxies)
	if err != nil {
		return nil, err
	}
	token, _ := a.LookupEnv(tokenVariable)
	listener, err := listenForPages(flags.Listen, token)
	if err != nil {
		return nil, err
	}
	source, err := a.openPages(ctx, pageTimeout)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	a.secrets.addValue(token)
	if _, err := source.Project(ctx); err != nil { // whoever asks first is not to wait for it
		source.close()
		return nil, errors.Join(err, listener.Close())
	}
	options := site.ServeOptions{
		Token: token, Proxies: proxies, Version: version(), Log: a.Log, Collectors: []prometheus.Collector{&poolMetrics{source.pool}},
	}
	if !flags.ReadOnly {
		options.Asks = pageAsks{source}
	}
	handler := site.New(source, a.Now).Handler(options)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: connectTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.Log.Error("the pages are no longer served", "error", err)
		}
	}()
	fmt.Fprintf(a.Stderr, "pages: http://%s/\n", listener.Addr())
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // whoever still reads has had the time
		}
		<-done
		source.close()
	}, nil
}

// listenForPages takes an address. Without a token it is one that only this machine reaches.
func listenForPages(address, token string) (net.Listener, error) {
	wanted := address
	if wanted == "" {
		wanted = defaultListen
	}
	host, _, err := net.SplitHostPort(wanted)
	if err != nil {
		return nil, &inputError{message: fmt.Sprintf("--listen %s is no address: %v", address, err), hint: "Write HOST:PORT, such as 127.0.0.1:8765 or 0.0.0.0:8765."}
	}
	switch {
	case token != "" && len(token) < shortestToken:
		return nil, &inputError{
			message: fmt.Sprintf("%s has %d characters", tokenVariable, len(token)),
			hint:    fmt.Sprintf("Make one of %d or more: openssl rand -hex 24.", shortestToken),
		}
	case token == "" && !onlyHere(host):
		return nil, &inputError{
			message: fmt.Sprintf("--listen %s can be reached from elsewhere, and nobody would be asked who they are", address),
			hint:    "Set " + tokenVariable + ", which readers then show, or listen on 127.0.0.1.",
		}
	}
	listener, err := net.Listen("tcp", wanted)
	if address == "" && errors.Is(err, syscall.EADDRINUSE) {
		listener, err = net.Listen("tcp", "127.0.0.1:0") // another project's pages are there
	}
	if err != nil {
		return nil, &surroundingsError{err: fmt.Errorf("serve pages: %w", err), hint: "Choose another address with --listen, or --no-pages."}
	}
	return listener, nil
}

// networks reads addresses and networks.
func networks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		if at, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(at, at.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, &inputError{message: fmt.Sprintf("--trusted-proxy %s is neither an address nor a network", text), hint: "Write 127.0.0.1, 10.0.0.0/8 or fd00::/8."}
		}
		out = append(out, network)
	}
	return out, nil
}

// onlyHere reports whether a host is reached from this machine alone.
func onlyHere(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// poolMetrics tells of the connections that pages use.
type poolMetrics struct{ pool *pgxpool.Pool }

// Describe implements prometheus.Collector.
func (m *poolMetrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *poolMetrics) Collect(out chan<- prometheus.Metric) {
	s := m.pool.Stat()
	connections := prometheus.NewDesc("terrace_pg_pool_connections", "Connections that pages use.", []string{"state"}, nil)
	for state, n := range map[string]int32{"acquired": s.AcquiredConns(), "idle": s.IdleConns(), "max": s.MaxConns()} {
		out <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(n), state)
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc("terrace_pg_pool_wait_seconds_total", "Time that pages have waited for a connection.", nil, nil),
		prometheus.CounterValue, s.AcquireDuration().Seconds())
}
