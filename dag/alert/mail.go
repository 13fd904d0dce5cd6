package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// mail sends one mail to all recipients.
func (s *Sender) mail(ctx context.Context, c Channel, d delivery) error {
	host, portText, err := net.SplitHostPort(c.Server)
	if err != nil {
		return fmt.Errorf("read the server's address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("the port of %s is no number", c.Server)
	}
	options := c.mailOptions(port)
	if s.TLS != nil {
		options = append(options, gomail.WithTLSConfig(s.TLS))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Server, err)
	}
	letter, err := c.letter(d, s)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", length(sendTimeout))
		}
		return fmt.Errorf("%s: %w", c.Server, err)
	}
	return nil
}

func (c Channel) mailOptions(port int) []gomail.Option {
	options := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(sendTimeout), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	switch c.Security {
	case TLS:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.Username != "" || c.Password != "" {
		options = append(options, gomail.WithUsername(c.Username), gomail.WithPassword(c.Password), gomail.WithSMTPAuth(c.mailAuth()))
	}
	return options
}

// mailAuth takes the strongest way that the server knows; without encryption, which only this machine is trusted with,
// that has to be said.
func (c Channel) mailAuth() gomail.SMTPAuthType {
	if c.Security == NoTLS {
		return gomail.SMTPAuthPlainNoEnc
	}
	return gomail.SMTPAuthAutoDiscover
}

// letter is the mail. Sent again it has the same id, by which mailboxes know it.
func (c Channel) letter(d delivery, s *Sender) (*gomail.Msg, error) {
	letter := gomail.NewMsg()
	if err := letter.From(c.From); err != nil {
		return nil, fmt.Errorf("read the sender's address: %w", err)
	}
	if err := letter.To(c.To...); err != nil {
		return nil, fmt.Errorf("read the recipients' addresses: %w", err)
	}
	domain := c.From[strings.LastIndexByte(c.From, '@')+1:]
	letter.SetMessageIDWithValue(fmt.Sprintf("terrace-%s@%s", d.id, strings.Trim(domain, "> ")))
	letter.SetDateWithValue(s.Now())
	letter.Subject(d.message.Title)
	letter.SetBodyString(gomail.TypeTextPlain, d.message.text(c.Language))
	return letter, nil
}

// text is the message in plain text.
func (m Message) text(in Language) string {
	var b strings.Builder
	b.WriteString(m.Title + "\n\n")
	for _, l := range m.lines(in) {
		switch {
		case l.list:
			b.WriteString("- ")
		case l.detail:
			b.WriteString("  ")
		}
		if l.bold != "" {
			b.WriteString(l.bold + " ")
		}
		b.WriteString(l.text + l.code + "\n")
	}
	return b.String()
}
