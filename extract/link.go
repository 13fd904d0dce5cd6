package extract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// nextLink goes to the address that the page gives.
func (p *pager) nextLink(a *answer) (bool, error) {
	if p.more >= 0 {
		if more, err := flag(a.env.get(p.more), p.paths["more"]); err != nil || !more {
			return false, err
		}
	}
	text, err := p.linkText(a)
	if err != nil {
		return false, err
	}
	if text == "" {
		if p.more >= 0 {
			return false, p.lacks("link")
		}
		return false, nil
	}
	link, err := p.resolve(a.address, text)
	if err != nil {
		return false, err
	}
	p.link = link
	return p.goOn(link.String())
}

func (p *pager) linkText(a *answer) (string, error) {
	if p.kind == "link_header" {
		return relNext(a.links), nil
	}
	next := a.env.get(p.next)
	switch next.kind {
	case '"':
		return strings.TrimSpace(unquote(next.raw)), nil
	case 'n', 0:
		return "", nil
	default:
		return "", &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("paginate.next %s is %s, not a link", p.paths["next"], kindName(next.kind))}
	}
}

// resolve reads a link, which may be relative to the page that gave it. One that leaves the source, or its encryption, is
// refused: whoever writes answers must not choose where we go.
func (p *pager) resolve(from *url.URL, text string) (*url.URL, error) {
	refuse := func(why, hint string) error {
		return &Error{Kind: Refused, Message: "the link to the next page " + why, Hint: hint}
	}
	link, err := from.Parse(text)
	if err != nil || link.Scheme != "http" && link.Scheme != "https" || link.Host == "" {
		return nil, refuse("is no address", "")
	}
	link.Fragment = ""
	switch {
	case link.User != nil:
		return nil, refuse("holds credentials", "")
	case p.base.Scheme == "https" && link.Scheme == "http":
		return nil, refuse("is not encrypted, unlike base_url", "ask the source for https links")
	case sameOrigin(link, p.base):
		return link, nil
	case slices.Contains(p.hosts, link.Host) && link.Scheme == p.base.Scheme:
		return link, nil
	default:
		return nil, refuse("leads to "+link.Host, fmt.Sprintf("if that host may be asked, without credentials, write allow_hosts: [%q] under paginate", link.Host))
	}
}

// sameOrigin reports whether two addresses are of one host and port. The same host's encrypted port counts as its own.
func sameOrigin(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	return port(a) == port(b) || a.Scheme == "https" && b.Scheme == "http" && port(a) == "443" && port(b) == "80"
}

func port(u *url.URL) string {
	if u.Port() == "" {
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Port()
}

// relNext finds the next page among Link headers (RFC 8288), "" when there is none.
func relNext(headers []string) string {
	for _, header := range headers {
		rest := header
		for {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			var next bool
			if next, rest = relIsNext(params); next {
				return strings.TrimSpace(target)
			}
		}
	}
	return ""
}

// relIsNext reads the parameters of one link, up to the comma that ends it, and gives what follows.
func relIsNext(params string) (next bool, rest string) {
	seen := false
	for {
		params = strings.TrimLeft(params, " \t;")
		if params == "" || params[0] == ',' {
			return next, strings.TrimPrefix(params, ",")
		}
		end := strings.IndexAny(params, "=;,")
		if end < 0 {
			return next, ""
		}
		name := strings.ToLower(strings.TrimSpace(params[:end]))
		if params[end] != '=' {
			params = params[end:]
			continue
		}
		var text string
		text, params = paramValue(strings.TrimLeft(params[end+1:], " \t"))
		if name == "rel" && !seen {
			seen = true // of several, the first one counts
			next = slices.ContainsFunc(strings.Fields(text), func(word string) bool { return strings.EqualFold(word, "next") })
		}
	}
}

// paramValue reads a value, in quotes or not, and gives what follows it.
func paramValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			return strings.TrimSpace(text), ""
		}
		return strings.TrimSpace(text[:end]), text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
