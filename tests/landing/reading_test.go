package landing

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// job is what a reading needs to know, in this process or in a child.
type job struct {
	Database string
	YAML     string
	URL      string
	Offset   time.Duration // of the clock
	Log      string        // file of what was committed
}

const childJob = "TERRACE_LANDING_JOB"

func TestMain(m *testing.M) {
	text := os.Getenv(childJob)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := child(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	pool, err := pgxpool.New(context.Background(), j.Database)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = j.read(context.Background(), pool)
	return err
}

// start runs the reading in a process of its own.
func (j job) start() (*exec.Cmd, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childJob+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// read reads all streams as a run does. The error is nil when everything is green.
func (j job) read(ctx context.Context, pool *pgxpool.Pool) (extract.Result, error) {
	var all extract.Result
	env := map[string]string{"URL": j.URL, "TOKEN": bearer, "REFRESH": seedRefresh}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	sources, problems := extract.Load(fstest.MapFS{"models/shop/ods/api.yml": {Data: []byte(j.YAML)}}, lookup)
	if len(problems) > 0 {
		return all, fmt.Errorf("declaration: %v", problems)
	}
	log, err := os.OpenFile(j.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return all, err
	}
	defer log.Close()
	store := &logged{Store: ods.New(pool), log: log}
	reader := extract.NewReader(extract.Deps{
		Lander: store, Now: func() time.Time { return time.Now().Add(j.Offset) }, LookupEnv: lookup,
		Retry: extract.Retry{Attempts: 4, Min: time.Millisecond, Max: 4 * time.Millisecond, Longest: 2 * time.Second},
	})
	run := uuid.New()
	for _, stream := range sources[0].Streams {
		if err := store.Ensure(ctx, stream.Landing); err != nil {
			return all, err
		}
		release, err := store.Lock(ctx, stream.Name, true)
		if err != nil {
			return all, err
		}
		result, err := reader.Read(ctx, stream, extract.Job{RunID: run})
		release()
		if err != nil {
			return all, err
		}
		all.Inserted += result.Inserted
		all.Updated += result.Updated
		all.Deleted += result.Deleted
		all.Unchanged += result.Unchanged
	}
	return all, nil
}

// logged is the real store, which writes down what it has committed.
type logged struct {
	*ods.Store
	mu  sync.Mutex
	log *os.File
}

// landing is a committed page, as it is written down.
type landing struct {
	Stream   string
	Versions []version
}

func (l *logged) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	landed, err := l.Store.Land(ctx, page)
	if err != nil {
		return landed, err
	}
	note := landing{Stream: page.Stream.Name}
	for _, r := range page.Records {
		var v version
		if err := json.Unmarshal(r.Raw, &v); err != nil {
			return landed, err
		}
		if len(r.Given) > 0 {
			if err := json.Unmarshal([]byte(r.Given[0]), &v.Shop); err != nil {
				return landed, err
			}
		}
		note.Versions = append(note.Versions, v)
	}
	line, err := json.Marshal(note)
	if err != nil {
		return landed, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.log.Write(append(line, '\n')); err != nil {
		return landed, err
	}
	return landed, nil
}

// committed is what was written down. A line that a kill cut short is left out.
func committed(t *testing.T, path string) []landing {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var all []landing
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l landing
		if json.Unmarshal(lines.Bytes(), &l) == nil {
			all = append(all, l)
		}
	}
	require.NoError(t, lines.Err())
	return all
}

var errKilled = errors.New("killed")
