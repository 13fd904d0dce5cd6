package pgtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/migrations"
)

const (
	clonePrefix    = "terrace_test_"
	templatePrefix = "terrace_template_"
)

// empty is PostgreSQL's own template of a database with nothing in it.
const empty = "template0"

// templateName names the template with schema terrace: a change of any migration makes another one.
func templateName(files fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read migrations: %w", err)
	}
	return fmt.Sprintf("%s%x", templatePrefix, hash.Sum(nil)[:6]), nil
}

// prepare removes what earlier runs left and makes the template unless it is there. The template is made under another
// name and renamed, so that one that is there is whole.
func (s *server) prepare(ctx context.Context) error {
	// One at a time: packages are tested by processes that start together.
	if _, err := s.conn.Exec(ctx, "select pg_advisory_lock(hashtextextended('pgtest', 0))"); err != nil {
		return fmt.Errorf("lock the test server: %w", err)
	}
	defer func() { _, _ = s.conn.Exec(ctx, "select pg_advisory_unlock(hashtextextended('pgtest', 0))") }()
	if err := s.dropStale(ctx); err != nil {
		return err
	}
	var there bool
	err := s.conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", s.template).Scan(&there)
	if err != nil || there {
		return err
	}
	name, err := s.create(ctx, empty)
	if err != nil {
		return err
	}
	if err := s.migrate(ctx, name); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, fmt.Sprintf("alter database %s rename to %s", quote(name), quote(s.template)))
	if err != nil {
		return fmt.Errorf("name %s: %w", s.template, err)
	}
	return nil
}

func (s *server) migrate(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, s.urlOf(database))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", database, err)
	}
	defer conn.Close(ctx)
	return migrations.Up(ctx, conn)
}

// create makes a database of this process's own.
func (s *server) create(ctx context.Context, template string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("%s%s_%d", clonePrefix, s.token, s.made.Add(1))
	_, err := s.conn.Exec(ctx, fmt.Sprintf("create database %s template %s", quote(name), quote(template)))
	if err != nil {
		return "", fmt.Errorf("clone %s: %w", template, err)
	}
	return name, nil
}

// drop removes a database, and whoever is still connected to it.
func (s *server) drop(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.conn.Exec(ctx, fmt.Sprintf("drop database if exists %s with (force)", quote(name))); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

// dropStale removes the databases of processes that have ended, and templates that no running process clones.
func (s *server) dropStale(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `
		select d.datname
		from pg_database as d
		where (
		        starts_with(d.datname, $1)
		        and not exists (
		            select from pg_stat_activity as a
		            where split_part(a.application_name, ' ', 1) = 'pgtest'
		                and starts_with(d.datname, $1 || split_part(a.application_name, ' ', 2) || '_')
		        )
		    )
		    or (
		        starts_with(d.datname, $2)
		        and not exists (
		            select from pg_stat_activity as a
		            where split_part(a.application_name, ' ', 1) = 'pgtest'
		                and split_part(a.application_name, ' ', 3) = d.datname
		        )
		    )`, clonePrefix, templatePrefix)
	if err != nil {
		return fmt.Errorf("look for databases of earlier runs: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for databases of earlier runs: %w", err)
	}
	for _, name := range names {
		if err := s.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// applicationName tells later runs which databases are ours and which template we clone.
func applicationName(token, template string) string {
	return "pgtest " + token + " " + template
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
