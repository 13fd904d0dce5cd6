package extract

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// nextStep says what to do about a source that was not reached, by what kept us from it.
func (s *Source) nextStep(err error, host string) string {
	var (
		dns       *net.DNSError
		untrusted *tls.CertificateVerificationError
		unknown   x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		slow      net.Error
	)
	text := err.Error()
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("is the name %s right in %s, and does this machine resolve names?", host, s.File)
	case errors.As(err, &untrusted), errors.As(err, &unknown):
		return fmt.Sprintf("the certificate of %s is not one that this machine trusts: is the address right, and is its authority installed here (SSL_CERT_FILE)?", host)
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(text, "server gave HTTP response"), strings.Contains(text, "tls:"):
		return fmt.Sprintf("%s speaks no TLS that is understood here: write http:// where it has none, and look for a proxy in between", host)
	case errors.Is(err, errRefusedRedirect):
		return "write the address that it leads to into " + s.File
	case strings.Contains(text, "redirects"):
		return fmt.Sprintf("it leads in a circle: open the address in a browser, and write where it should lead into %s", s.File)
	case breaksOff(err):
		return "the source, or something on the way to it, does not send its answers to their end: ask for less at a time. What was landed stands; the next run goes on from there"
	case errors.As(err, &slow) && slow.Timeout():
		return fmt.Sprintf("%s was given %s (limits.timeout): raise it in %s, or ask for less at a time", host, s.limits.timeout, s.File)
	default:
		return fmt.Sprintf("is %s up, and reachable from here? What was landed stands; the next run goes on from there", host)
	}
}

// breaksOff reports whether an answer began, and ended early.
func breaksOff(err error) bool {
	var damage damagedError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errTruncated) || errors.As(err, &damage)
}
