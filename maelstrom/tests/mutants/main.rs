//! Deliberately broken nodes, each of which its workload must reject.

mod broadcast;
mod g_counter;
mod g_set;
mod kafka;
mod lin_kv;
mod pn_counter;
mod txn_list_append;
mod txn_rw_register;
