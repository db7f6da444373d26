package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const healthcheckHelp = `Asks the worker that runs here with the same configuration (http.addr) whether it is alive, and exits with 0 if so, else with
1 and the reason. It is for images without a shell: HEALTHCHECK CMD ["/worker", "healthcheck"].

With --ready it asks whether all its servers can be used. That is for scripts that wait: restarting a worker because Redis is
away helps nobody.`

// healthcheckPatience is below the 5 s that the image's health check allows, and above the worker's own 2 s a part.
const healthcheckPatience = 4 * time.Second

func newHealthcheck() *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the worker that runs here whether it is alive",
		Long:  healthcheckHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			return checkHealth(cmd.Context(), c.HTTP.Addr, path)
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it is ready")
	return cmd
}

func checkHealth(ctx context.Context, addr, path string) error {
	if addr == "" {
		return usage(errors.New("http.addr is empty, so that no worker can be asked: set it"))
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return usage(fmt.Errorf("http.addr is %q: a health check needs an address with a fixed port", addr))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // what listens on every address listens there
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the worker: %w", err)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no worker answers: %w", err)
	}
	defer reply.Body.Close()
	said, err := io.ReadAll(io.LimitReader(reply.Body, 64<<10))
	if err == nil && reply.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(said)))
	}
	return err
}
