-- SPDX-License-Identifier: Apache-2.0
-- Tables of every kind that MySQL 5.6 stores differently, for a restore to bring back.
create database shop;
use shop;
create table numbers (n int primary key) engine=InnoDB;
insert into numbers values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
create table orders (id int auto_increment primary key, customer varchar(60), amount decimal(10, 2), noted timestamp null,
    key (customer)) engine=InnoDB row_format=compact;
insert into orders (customer, amount, noted)
    select concat('customer ', a.n, b.n), a.n * 100 + c.n + 0.25, '2020-02-02 02:02:02'
    from numbers a, numbers b, numbers c, numbers d;
create table dynamic_t (id int primary key, words text) engine=InnoDB row_format=dynamic;
insert into dynamic_t select a.n * 100 + b.n * 10 + c.n, repeat(md5(a.n * 100 + b.n * 10 + c.n), 40)
    from numbers a, numbers b, numbers c;
create table compressed_t (id int primary key, words text) engine=InnoDB row_format=compressed key_block_size=4;
insert into compressed_t select id, words from dynamic_t;
create table redundant_t (id int primary key, word varchar(40)) engine=InnoDB row_format=redundant;
insert into redundant_t select id, left(words, 32) from dynamic_t;
create table parts (id int, year int, word char(32), primary key (id, year)) engine=InnoDB
    partition by range (year) subpartition by hash (id) subpartitions 2
    (partition old values less than (2010), partition mid values less than (2020), partition new values less than maxvalue);
insert into parts select id, 2000 + id % 30, md5(id) from dynamic_t;
create table blobs (id int primary key, content longblob) engine=InnoDB row_format=dynamic;
insert into blobs select n, repeat(unhex(md5(n)), 1000 * n) from numbers;
create table myisam_t (id int primary key, word varchar(40), fulltext key (word)) engine=MyISAM;
insert into myisam_t select id, concat('word ', md5(id)) from dynamic_t;
create table myisam_parts (id int, word char(32)) engine=MyISAM partition by hash (id) partitions 3;
insert into myisam_parts select id, md5(id) from dynamic_t;
create table csv_t (id int not null, word char(32) not null) engine=CSV;
insert into csv_t select n, md5(n) from numbers;
create table archive_t (id int, word char(32)) engine=ARCHIVE;
insert into archive_t select id, md5(id) from dynamic_t;
create table empty_innodb (id int primary key) engine=InnoDB;
create table empty_myisam (id int primary key) engine=MyISAM;
create table `odd name.with#signs` (id int primary key) engine=InnoDB;
insert into `odd name.with#signs` values (1), (2);
create view totals as select customer, sum(amount) as total from orders group by customer;
create trigger no_negative before insert on orders for each row set new.amount = abs(new.amount);
create database `büro`;
create table `büro`.`tür` (id int primary key, name varchar(20)) engine=InnoDB default charset=utf8;
insert into `büro`.`tür` values (1, 'vorn'), (2, 'hinten');
