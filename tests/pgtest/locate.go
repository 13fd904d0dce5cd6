package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// image is what a container runs: the oldest version that terrace supports.
const image = "15-alpine"

// containerLife ends a container whose tests were killed, in seconds. make test gives up after an hour.
const containerLife = "4000"

// locate finds a server to test on, and says what to know about a database that is kept on it.
func locate(ctx context.Context) (location, note string, err error) {
	if named := os.Getenv("TERRACE_TEST_DATABASE_URL"); named != "" {
		return named, "", nil
	}
	location, dockerErr := container()
	if dockerErr == nil {
		return location, fmt.Sprintf(" (its container ends after %s s)", containerLife), nil
	}
	location, note, localErr := local(ctx)
	if localErr == nil {
		return location, note, nil
	}
	return "", "", errors.Join(errors.New("TERRACE_TEST_DATABASE_URL is not set"), dockerErr, localErr)
}

// container runs PostgreSQL in Docker. Nothing tells us when the last test of a process has ended, so the container
// ends by itself.
func container() (string, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return "", fmt.Errorf("find Docker: %w", err)
	}
	if err := pool.Client.Ping(); err != nil { // NewPool succeeds without a daemon
		return "", fmt.Errorf("reach Docker: %w", err)
	}
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository: "postgres",
		Tag:        image,
		Env:        []string{"POSTGRES_USER=terrace", "POSTGRES_HOST_AUTH_METHOD=trust"},
		Entrypoint: []string{"timeout", "-s", "INT", containerLife, "docker-entrypoint.sh"},
		Cmd:        []string{"postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"},
	}, func(host *docker.HostConfig) {
		host.AutoRemove = true
	})
	if err != nil {
		return "", fmt.Errorf("run PostgreSQL in Docker: %w", err)
	}
	location := fmt.Sprintf("postgres://terrace@%s/terrace?sslmode=disable", resource.GetHostPort("5432/tcp"))
	if err := pool.Retry(func() error { return answers(location) }); err != nil {
		return "", fmt.Errorf("wait for PostgreSQL in Docker: %w", errors.Join(err, pool.Purge(resource)))
	}
	return location, nil
}

// answers tells whether a server takes connections.
func answers(location string) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, location)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
