package strict

import (
	"fmt"
	"regexp"
	"strings"
)

// variable matches ${NAME} and ${NAME:-default}. Names in lower case and ${env:NAME} are another language's.
var variable = regexp.MustCompile(`\$\{([A-Z_][A-Z0-9_]*)(:-[^}]*)?\}`)

// Interpolate replaces ${NAME} by what lookup gives for NAME, and ${NAME:-default} by the default where that is unset
// or empty. What is put in is not looked at again. An unset NAME without a default is an error that names it; the
// error never holds a value.
func Interpolate(s string, lookup func(string) (string, bool)) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var missing []string
	out := variable.ReplaceAllStringFunc(s, func(match string) string {
		part := variable.FindStringSubmatch(match)
		name, fallback := part[1], part[2]
		value, ok := lookup(name)
		switch {
		case ok && (value != "" || fallback == ""):
			return value
		case fallback != "":
			return strings.TrimPrefix(fallback, ":-")
		default:
			missing = append(missing, name)
			return match
		}
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("environment variable %s is not set", strings.Join(missing, ", "))
	}
	return out, nil
}
