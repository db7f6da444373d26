package query

import "context"

// Endpoint describes one endpoint to those who list or call them.
type Endpoint struct {
	Name string
	// About is one line for humans.
	About string
	// Fields are the members its request may have.
	Fields []string
}

// endpoint joins the description to what does the work.
type endpoint struct {
	Endpoint
	handle func(s *Service, ctx context.Context, in *request, out *reply) error
}

// endpoints is the service's whole vocabulary. Every one takes a profile, last.
func endpoints() []endpoint {
	return []endpoint{
		{describe("get_jid", "a job's returns: {minion: ret}", "jid", "limit", "cursor"), (*Service).getJID},
		{describe("get_load", "what a job was published with", "jid"), (*Service).getLoad},
		{describe("get_jids", "the jobs, newest first: {jid: entry}", "limit", "cursor", "since", "until", "fun", "target", "user", "metadata"), (*Service).getJIDs},
		{describe("get_jids_filter", "the newest jobs, ascending: [entry]", "count", "filter_find_job"), (*Service).getJIDsFilter},
		{describe("get_fun", "each minion's last return of a function: {minion: ret}", "fun", "limit", "cursor"), (*Service).getFun},
		{describe("get_minions", "the ids of all minions seen", "limit", "cursor"), (*Service).getMinions},
		{describe("get_history", "a minion's latest jobs: [{jid, fun}]", "minion", "limit"), (*Service).getHistory},
		{describe("get_progress", "how many minions have returned, and who is missing", "jid"), (*Service).getProgress},
		{describe("get_endtime", "when a job has ended, as update_endtime was told", "jid"), (*Service).getEndTime},
		{describe("update_endtime", "note when a job has ended", "jid", "time"), (*Service).updateEndTime},
		{describe("save_load", "keep a job's load", "jid", "load", "minions"), (*Service).saveLoad},
		{describe("save_minions", "add to the minions a job is expected to run on", "jid", "minions", "syndic_id"), (*Service).saveMinions},
		{describe("prep_jid", "a new jid, reserved for the caller", "nocache", "passed_jid"), (*Service).prepJID},
		{describe("clean_old_jobs", "remove what is left of old jobs; tells what was removed, what was kept, and why", "dry_run"), (*Service).cleanOldJobs},
		{describe("returner", "keep one return", "ret"), (*Service).returner},
		{describe("redis_set", "set a key of Redis: true or false", "redis_key", "redis_val", "ex", "px", "nx", "xx"), (*Service).redisSet},
		{describe("redis_get", "the value of a key of Redis", "redis_key"), (*Service).redisGet},
		{describe("redis_execute", "the reply of Redis to an allowed command", "redis_cmd", "target"), (*Service).redisExecute},
	}
}

func describe(name, about string, fields ...string) Endpoint {
	return Endpoint{Name: name, About: about, Fields: append(fields, "profile")}
}

// Endpoints lists what the service answers.
func Endpoints() []Endpoint {
	var list []Endpoint
	for _, e := range endpoints() {
		list = append(list, e.Endpoint)
	}
	return list
}
