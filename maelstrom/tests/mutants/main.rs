//! Deliberately broken nodes, each of which its workload must reject, and the table of the
//! anomalies that they show.

mod specimens;
mod table;
mod world;

mod broadcast;
mod echo;
mod g_counter;
mod g_set;
mod jobs;
mod kafka;
mod leader_election;
mod lin_kv;
mod orders;
mod pn_counter;
mod txn_list_append;
mod txn_rw_register;
mod unique_ids;
