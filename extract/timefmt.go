package extract

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeFormat renders instants for a request: rfc3339, epoch_s, epoch_ms, or a strftime text.
type timeFormat struct {
	text  string
	parts []timePart
}

// timePart is literal text, or a conversion when verb is set.
type timePart struct {
	text string
	verb byte
}

// layouts of the strftime conversions that Go's own time formatting has.
var strftimeLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'f': "000000", 'L': "000", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'b': "Jan", 'a': "Mon", 'j': "002",
}

func parseTimeFormat(text string) (timeFormat, error) {
	f := timeFormat{text: text}
	switch text {
	case "rfc3339", "epoch_s", "epoch_ms":
		return f, nil
	}
	rest := text
	for {
		literal, after, ok := strings.Cut(rest, "%")
		if literal != "" {
			f.parts = append(f.parts, timePart{text: literal})
		}
		if !ok {
			break
		}
		if after == "" {
			return f, fmt.Errorf("time format %q ends in a lone %%", text)
		}
		switch verb := after[0]; {
		case verb == '%':
			f.parts = append(f.parts, timePart{text: "%"})
		case verb == 's' || strftimeLayouts[verb] != "":
			f.parts = append(f.parts, timePart{verb: verb})
		default:
			return f, fmt.Errorf("time format %q: %%%c is not known", text, verb)
		}
		rest = after[1:]
	}
	if !strings.Contains(text, "%") {
		return f, fmt.Errorf("time format %q: write rfc3339, epoch_s, epoch_ms or a text with %%Y-%%m-%%d", text)
	}
	return f, nil
}

// value is the instant as wall time of the zone: a number for the epoch formats, else a text.
func (f timeFormat) value(t time.Time, zone *time.Location) any {
	t = t.In(zone)
	switch f.text {
	case "epoch_s":
		return t.Unix()
	case "epoch_ms":
		return t.UnixMilli()
	case "rfc3339", "":
		return t.Format(time.RFC3339Nano)
	}
	var b strings.Builder
	for _, p := range f.parts {
		switch p.verb {
		case 0:
			b.WriteString(p.text)
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'f', 'L':
			// Go formats fractions only after a separator.
			b.WriteString(t.Format("." + strftimeLayouts[p.verb])[1:])
		default:
			b.WriteString(t.Format(strftimeLayouts[p.verb]))
		}
	}
	return b.String()
}
