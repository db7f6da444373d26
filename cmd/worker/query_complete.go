package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"returnd/client"
	"returnd/internal/query"
)

const (
	// completionLimit is what a shell may be kept waiting for an offer.
	completionLimit = time.Second
	// completionOffers is how many jobs or minions are offered.
	completionOffers = 200
)

// addCompletion has cobra add its command that prints the scripts for the shells, and holds it to our rules of usage. It takes root's output
// as it is now.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			strict(cmd)
		}
	}
}

// completeQuery offers the endpoints, then their members, then for jids and minions what the workers know. It never complains: a shell has
// no place for it.
func completeQuery(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return offerEndpoints(), cobra.ShellCompDirectiveNoFileComp
	}
	name, value, valued := strings.Cut(typed, "=")
	switch {
	case !valued:
		return offerFields(args), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case strings.HasPrefix(value, "@"):
		return nil, cobra.ShellCompDirectiveDefault
	}
	return offerValues(cmd, name, value), cobra.ShellCompDirectiveNoFileComp
}

func offerEndpoints() []string {
	var offers []string
	for _, e := range query.Endpoints() {
		offers = append(offers, e.Name+"\t"+e.About)
	}
	return offers
}

// offerFields leaves out what is given already.
func offerFields(args []string) []string {
	var offers []string
	for _, e := range query.Endpoints() {
		if e.Name != args[0] {
			continue
		}
		for _, field := range e.Fields {
			given := slices.ContainsFunc(args[1:], func(arg string) bool { return strings.HasPrefix(arg, field+"=") })
			if !given {
				offers = append(offers, field+"=")
			}
		}
	}
	return offers
}

// offerValues asks the workers for what may stand behind the sign.
func offerValues(cmd *cobra.Command, name, value string) []string {
	find := map[string]func(context.Context, *client.Client) []string{"jid": findJIDs, "minion": findMinions}[name]
	if find == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
	defer cancel()
	c, end := quietClient(cmd)
	if c == nil {
		return nil
	}
	defer end()
	var offers []string
	for _, found := range find(ctx, c) {
		if strings.HasPrefix(found, value) {
			offers = append(offers, name+"="+found)
		}
	}
	return offers
}

// quietClient is nil where there is nobody to ask.
func quietClient(cmd *cobra.Command) (c *client.Client, end func()) {
	config, _, err := loadConfig(cmd)
	if err != nil {
		return nil, nil
	}
	nc, err := connectNATS(config.NATS, slog.New(slog.DiscardHandler), nats.Timeout(completionLimit/2), nats.NoReconnect())
	if err != nil {
		return nil, nil
	}
	return client.New(nc, client.Prefix(config.Subjects.Prefix), client.Timeout(completionLimit)), nc.Close
}

// findJIDs are the newest jobs, with what they ran.
func findJIDs(ctx context.Context, c *client.Client) []string {
	jobs, _, _ := c.JobsPage(ctx, client.JobFilter{}, client.Page{Limit: completionOffers}) // without an answer there are none to offer
	var offers []string
	for _, j := range jobs {
		offers = append(offers, visible(j.JID)+"\t"+visible(strings.Join(j.Functions(), ", "))+" on "+oneLine(j.Target))
	}
	return offers
}

func findMinions(ctx context.Context, c *client.Client) []string {
	minions, _, _ := c.MinionsPage(ctx, client.Page{Limit: completionOffers}) // as above
	slices.Sort(minions)
	for i := range minions {
		minions[i] = visible(minions[i])
	}
	return minions
}
