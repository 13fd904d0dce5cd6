package site

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model"
)

// formatted writes a value as a format asks for. What is no number stands as it is; NULL is a dash.
func formatted(value *string, format model.Format) string {
	if value == nil {
		return "–"
	}
	text := *value
	number, ok := new(big.Rat).SetString(text)
	if !ok || !decimal(text) {
		return text
	}
	switch format {
	case model.FormatMoney:
		return grouped(number.FloatString(2))
	case model.FormatPercent:
		return trimmed(number.Mul(number, big.NewRat(100, 1)).FloatString(2)) + " %"
	case model.FormatNumber:
		return grouped(text)
	default:
		return text
	}
}

// decimal reports whether a text is a number as the server writes one: a Rat would also take 1/3 and 0x1p-2.
func decimal(text string) bool {
	return strings.Trim(text, "0123456789.+-eE") == "" && strings.ContainsAny(text, "0123456789")
}

// grouped puts a comma between each three digits before the point.
func grouped(text string) string {
	if strings.ContainsAny(text, "eE") {
		return text
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, fraction, found := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		whole += "." + fraction
	}
	return sign + whole
}

// trimmed is without the zeros that end a fraction.
func trimmed(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// compact writes the number of an axis, short.
func compact(v float64, format model.Format, lang Lang) string {
	if format == model.FormatPercent {
		return trimmed(strconv.FormatFloat(v*100, 'f', 2, 64)) + " %"
	}
	units := []struct {
		size float64
		word string
	}{{1e9, "B"}, {1e6, "M"}, {1e4, "k"}}
	if lang == Chinese {
		units = []struct {
			size float64
			word string
		}{{1e8, " 亿"}, {1e4, " 万"}}
	}
	for _, u := range units {
		if math.Abs(v) < u.size {
			continue
		}
		size := u.size
		if u.word == "k" {
			size = 1e3
		}
		return trimmed(strconv.FormatFloat(v/size, 'f', 2, 64)) + u.word
	}
	return grouped(trimmed(strconv.FormatFloat(v, 'f', 2, 64)))
}

// duration writes seconds as people do.
func duration(seconds float64, lang Lang) string {
	units := [4]string{"s", "min", "h", "d"}
	if lang == Chinese {
		units = [4]string{"秒", "分", "小时", "天"}
	}
	switch {
	case seconds < 10 && seconds != math.Trunc(seconds):
		return fmt.Sprintf("%.2f %s", seconds, units[0])
	case seconds < 120:
		return fmt.Sprintf("%.0f %s", seconds, units[0])
	case seconds < 2*3600:
		return fmt.Sprintf("%.0f %s", seconds/60, units[1])
	case seconds < 2*86400:
		return fmt.Sprintf("%.0f %s", seconds/3600, units[2])
	default:
		return fmt.Sprintf("%.0f %s", seconds/86400, units[3])
	}
}

// ago says how long before now a moment was, or how far ahead it is.
func ago(at, now time.Time, lang Lang) string {
	seconds := math.Round(now.Sub(at).Seconds())
	switch {
	case lang == Chinese && seconds < 0:
		return duration(-seconds, lang) + "后"
	case lang == Chinese:
		return duration(seconds, lang) + "前"
	case seconds < 0:
		return "in " + duration(-seconds, lang)
	default:
		return duration(seconds, lang) + " ago"
	}
}
