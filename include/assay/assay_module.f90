! SPDX-License-Identifier: Apache-2.0
! assay/assay.h for Fortran: compile this with your code, and link the library. What each does stands in the header.
module assay
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int), parameter :: assay_ok = 0, assay_waiting = 1, assay_finished = 2, assay_stopped = 3, &
    assay_refused = 4, assay_error = -1, assay_error_argument = -2, assay_error_config = -3, assay_error_shape = -4, &
    assay_error_data = -5, assay_error_label = -6, assay_error_checkpoint = -7, assay_error_training = -8

  interface
    function c_new(directory, config_file, campaign) bind(c, name='assay_new') result(status)
      import :: c_char, c_int, c_ptr
      character(kind=c_char), intent(in) :: directory(*), config_file(*)
      type(c_ptr), intent(out) :: campaign
      integer(c_int) :: status
    end function
    function c_open(directory, campaign) bind(c, name='assay_open') result(status)
      import :: c_char, c_int, c_ptr
      character(kind=c_char), intent(in) :: directory(*)
      type(c_ptr), intent(out) :: campaign
      integer(c_int) :: status
    end function
    subroutine assay_close(campaign) bind(c)
      import :: c_ptr
      type(c_ptr), value :: campaign
    end subroutine
    function assay_input_size(campaign) bind(c) result(numbers)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t) :: numbers
    end function
    function assay_target_size(campaign) bind(c) result(numbers)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t) :: numbers
    end function
    function assay_advance(campaign) bind(c) result(status)
      import :: c_int, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int) :: status
    end function
    function assay_ask(campaign, count, ids, inputs) bind(c) result(samples)
      import :: c_double, c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t), value :: count
      integer(c_int64_t), intent(out) :: ids(*)
      real(c_double), intent(out) :: inputs(*)
      integer(c_int64_t) :: samples
    end function
    function assay_tell(campaign, id, targets, count) bind(c) result(status)
      import :: c_double, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t), value :: id, count
      real(c_double), intent(in) :: targets(*)
      integer(c_int) :: status
    end function
    function c_tell_failed(campaign, id, reason, retry) bind(c, name='assay_tell_failed') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t), value :: id
      character(kind=c_char), intent(in) :: reason(*)
      integer(c_int), value :: retry
      integer(c_int) :: status
    end function
    function c_tell_infeasible(campaign, id, reason) bind(c, name='assay_tell_infeasible') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t), value :: id
      character(kind=c_char), intent(in) :: reason(*)
      integer(c_int) :: status
    end function
    function assay_predict(campaign, count, inputs, means, deviations) bind(c) result(status)
      import :: c_double, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: campaign
      integer(c_int64_t), value :: count
      real(c_double), intent(in) :: inputs(*)
      real(c_double), intent(out) :: means(*)
      real(c_double), intent(out), optional :: deviations(*)
      integer(c_int) :: status
    end function
    function c_message() bind(c, name='assay_message') result(text)
      import :: c_ptr
      type(c_ptr) :: text
    end function
    function c_strlen(text) bind(c, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface
  private :: c_new, c_open, c_tell_failed, c_tell_infeasible, c_message, c_strlen

contains

  integer(c_int) function assay_new(directory, config_file, campaign)
    character(*), intent(in) :: directory, config_file
    type(c_ptr), intent(out) :: campaign
    assay_new = c_new(trim(directory)//c_null_char, trim(config_file)//c_null_char, campaign)
  end function

  integer(c_int) function assay_open(directory, campaign)
    character(*), intent(in) :: directory
    type(c_ptr), intent(out) :: campaign
    assay_open = c_open(trim(directory)//c_null_char, campaign)
  end function

  integer(c_int) function assay_tell_failed(campaign, id, reason, retry)
    type(c_ptr), intent(in) :: campaign
    integer(c_int64_t), intent(in) :: id
    character(*), intent(in) :: reason
    logical, intent(in) :: retry
    assay_tell_failed = c_tell_failed(campaign, id, trim(reason)//c_null_char, merge(1_c_int, 0_c_int, retry))
  end function

  integer(c_int) function assay_tell_infeasible(campaign, id, reason)
    type(c_ptr), intent(in) :: campaign
    integer(c_int64_t), intent(in) :: id
    character(*), intent(in) :: reason
    assay_tell_infeasible = c_tell_infeasible(campaign, id, trim(reason)//c_null_char)
  end function

  function assay_message() result(text)
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    call c_f_pointer(c_message(), letters, [c_strlen(c_message())])
    allocate (character(size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function

end module
