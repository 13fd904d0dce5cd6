package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// connectionSubject is the subject of a database that cannot be reached.
const connectionSubject = "connection to the database"

// Unreachable tells the channels of all rules on errors that the database cannot be reached. Nothing of it is kept, since
// there is nowhere to keep it: who calls sees to it that it is not told again and again, and gives Look.Unreachable when
// the database is there again. It takes as long as one channel may.
func Unreachable(ctx context.Context, s *Sender, config Config, apart bool, m Message, cause string, since time.Time) error {
	m.Version, m.Event = Version, Error
	m.Problems = []Problem{{Subject: connectionSubject, Kind: Error, Message: cause, Since: since}}
	m.Next = "terrace doctor"
	var to []string
	for _, r := range config.Active(chosen(m.Environment), apart) {
		if r.Tells(Error) {
			m.Rule = r.Name
			to = append(to, config.reached(r)...)
		}
	}
	slices.Sort(to)
	to = slices.Compact(to)
	errs := make([]error, len(to))
	var wait sync.WaitGroup
	for i, name := range to {
		wait.Go(func() {
			c, _ := config.Channel(name) // reached names channels that there are
			if err := s.Send(ctx, c, fmt.Sprintf("unreachable-%d", since.Unix()), m.titled()); err != nil {
				errs[i] = fmt.Errorf("channel %s: %w", name, err)
			}
		})
	}
	wait.Wait()
	if len(to) == 0 {
		return ErrNobody
	}
	return errors.Join(errs...)
}

// ErrNobody says that no rule is about it, or none reaches anybody.
var ErrNobody = errors.New("nobody is to be told")

// Production is how messages call what no environment was chosen for.
const Production = "production"

// chosen is the environment that a message names, "" for production.
func chosen(environment string) string {
	if environment == Production {
		return ""
	}
	return environment
}
