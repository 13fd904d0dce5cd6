package alert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Span is a length of time and its place.
type Span struct {
	Value time.Duration
	strict.Pos
}

// UnmarshalNode reads the text.
func (s *Span) UnmarshalNode(n strict.Node) []strict.Problem {
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	s.Pos = n.Pos()
	var err error
	if s.Value, err = strict.ParseFixed(text); err != nil || s.Value <= 0 {
		return []strict.Problem{n.Problem(fmt.Sprintf("%q is no length of time", n.Text()), "write PT10M, PT4H or P1D; 10m, 4h and 1d do, too")}
	}
	return nil
}

// Size is an amount of bytes, or a share of the disk; the zero value is none.
type Size struct {
	Bytes   int64
	Percent float64
}

// bytesPer are the units, binary as PostgreSQL's own.
var (
	sizeText = regexp.MustCompile(`^(\d{1,12}(?:\.\d{1,6})?)\s*(B|kB|KB|MB|GB|TB|%)$`)
	bytesPer = map[string]float64{"B": 1, "kB": 1 << 10, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40} //nolint:gochecknoglobals // a table
)

// PlacedSize is a size and its place.
type PlacedSize struct {
	Value Size
	strict.Pos
}

// UnmarshalNode reads texts such as 200GB and 80%.
func (s *PlacedSize) UnmarshalNode(n strict.Node) []strict.Problem {
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	s.Pos = n.Pos()
	part := sizeText.FindStringSubmatch(strings.TrimSpace(text))
	if part == nil {
		return []strict.Problem{n.Problem(fmt.Sprintf("%q is no size", n.Text()), "write 200GB, 500MB, or 80% of the disk")}
	}
	number, err := strconv.ParseFloat(part[1], 64)
	if err != nil || number <= 0 || part[2] == "%" && number > 100 {
		return []strict.Problem{n.Problem(fmt.Sprintf("%q is no size", n.Text()), "write a number above 0, and at most 100%")}
	}
	if part[2] == "%" {
		s.Value.Percent = number
	} else {
		s.Value.Bytes = int64(number * bytesPer[part[2]])
	}
	return nil
}

// size writes bytes as people do.
func size(bytes int64) string {
	for _, unit := range []string{"TB", "GB", "MB", "kB"} {
		if per := bytesPer[unit]; float64(bytes) >= per {
			return strconv.FormatFloat(float64(bytes)/per, 'f', 1, 64) + " " + unit
		}
	}
	return strconv.FormatInt(bytes, 10) + " B"
}

// length writes a length of time as people do, in two units at most.
func length(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		minutes := int(d.Round(time.Minute).Minutes())
		if minutes%60 == 0 {
			return fmt.Sprintf("%d h", minutes/60)
		}
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	default:
		return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
	}
}

func lengthOf(seconds float64) string { return length(time.Duration(seconds * float64(time.Second))) }
