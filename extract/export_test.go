package extract

import "fmt"

// QueryParameters are the parameters of a query, each with its place.
func QueryParameters(text string) ([]string, error) {
	q, err := parseQuery(text)
	var out []string
	for _, p := range q.places {
		out = append(out, fmt.Sprint(p.at, p.name))
	}
	return out, err
}
